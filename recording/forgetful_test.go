package recording

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A forgetful disk is a file system in memory that notes every change that is made to it, so that
// afterwards one can have what a power cut at any moment would have left: of each file what it held
// when it was last synced, of each folder the entries of its last sync, and of what came later as
// much as the dice say. It is mounted by FUSE: what runs on it does not know.
type forgetful struct {
	mu      sync.Mutex
	changes []change
	nodes   uint64 // how many files and folders there have been
	failing int    // so many syncs of sounds are to fail
}

// A change is one that a disk may forget, or a sync after which it may not.
type change struct {
	at   time.Time
	kind changeKind
	node uint64 // the file, or the folder whose entries change
	name string
	what uint64 // addName: the file or folder that the name stands for
	off  int64  // setBytes: where; setSize: the new size
	data []byte
}

type changeKind int

// The kinds of changes. A rename drops a name and adds one.
const (
	makeFile changeKind = iota
	makeFolder
	addName
	dropName
	setBytes
	setSize
	syncNode
	failNode // a sync that failed: what was to be synced is thrown away
)

// rootNode is the folder that is mounted.
const rootNode = 1

// mountForgetful mounts one; it is unmounted when the test ends.
func mountForgetful(t *testing.T) (d *forgetful, dir string) {
	t.Helper()
	d, dir = &forgetful{nodes: rootNode}, t.TempDir()
	zero := time.Duration(0)
	server, err := fs.Mount(dir, &folderNode{disk: d, id: rootNode}, &fs.Options{
		EntryTimeout: &zero, AttrTimeout: &zero,
		MountOptions: fuse.MountOptions{FsName: "forgetful", Name: "forgetful", DirectMount: true},
	})
	if err != nil {
		t.Fatalf("a file system of our own cannot be mounted: %v (apt-get install fuse3)", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return d, dir
}

// note notes changes that happen at once.
func (d *forgetful) note(all ...change) {
	now := time.Now()
	for i := range all {
		all[i].at = now
	}
	d.changes = append(d.changes, all...)
}

// A folderNode is a folder, as FUSE asks for it.
type folderNode struct {
	fs.Inode
	disk *forgetful
	id   uint64
}

var (
	_ fs.NodeCreater        = (*folderNode)(nil)
	_ fs.NodeMkdirer        = (*folderNode)(nil)
	_ fs.NodeUnlinker       = (*folderNode)(nil)
	_ fs.NodeRenamer        = (*folderNode)(nil)
	_ fs.NodeOpendirHandler = (*folderNode)(nil)
)

func (f *folderNode) Create(ctx context.Context, name string, _, _ uint32, _ *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes++
	d.note(change{kind: makeFile, node: d.nodes}, change{kind: addName, node: f.id, name: name, what: d.nodes})
	child := f.NewPersistentInode(ctx, &fileNode{disk: d, id: d.nodes}, fs.StableAttr{Mode: syscall.S_IFREG, Ino: d.nodes})
	return child, nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *folderNode) Mkdir(ctx context.Context, name string, _ uint32, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes++
	d.note(change{kind: makeFolder, node: d.nodes}, change{kind: addName, node: f.id, name: name, what: d.nodes})
	return f.NewPersistentInode(ctx, &folderNode{disk: d, id: d.nodes}, fs.StableAttr{Mode: syscall.S_IFDIR, Ino: d.nodes}), 0
}

func (f *folderNode) Unlink(_ context.Context, name string) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.note(change{kind: dropName, node: f.id, name: name})
	return 0
}

func (f *folderNode) Rename(_ context.Context, name string, into fs.InodeEmbedder, newName string, _ uint32) syscall.Errno {
	to, child := into.(*folderNode), f.GetChild(name)
	if child == nil {
		return syscall.ENOENT
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.note(change{kind: dropName, node: f.id, name: name}, change{kind: addName, node: to.id, name: newName, what: child.StableAttr().Ino})
	return 0
}

// OpendirHandle lists the folder, and can be synced.
func (f *folderNode) OpendirHandle(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	children := f.Children()
	h := &openFolder{folder: f}
	for _, name := range slices.Sorted(maps.Keys(children)) {
		a := children[name].StableAttr()
		h.list = append(h.list, fuse.DirEntry{Name: name, Mode: a.Mode, Ino: a.Ino, Off: uint64(len(h.list) + 1)})
	}
	return h, 0, 0
}

// An openFolder is one that is being read or synced.
type openFolder struct {
	folder *folderNode
	list   []fuse.DirEntry
}

func (h *openFolder) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	if len(h.list) == 0 {
		return nil, 0
	}
	e := h.list[0]
	h.list = h.list[1:]
	return &e, 0
}

func (h *openFolder) Fsyncdir(context.Context, uint32) syscall.Errno {
	return h.folder.disk.sync(h.folder.id)
}

func (d *forgetful) sync(node uint64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(change{kind: syncNode, node: node})
	return 0
}

// A fileNode is a file, as FUSE asks for it.
type fileNode struct {
	fs.Inode
	disk *forgetful
	id   uint64
	held []byte // what it holds for those who run
}

var (
	_ fs.NodeOpener    = (*fileNode)(nil)
	_ fs.NodeReader    = (*fileNode)(nil)
	_ fs.NodeWriter    = (*fileNode)(nil)
	_ fs.NodeFsyncer   = (*fileNode)(nil)
	_ fs.NodeGetattrer = (*fileNode)(nil)
	_ fs.NodeSetattrer = (*fileNode)(nil)
)

func (f *fileNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *fileNode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := copy(dest, f.held[min(off, int64(len(f.held))):])
	return fuse.ReadResultData(dest[:n]), 0
}

func (f *fileNode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	c := change{kind: setBytes, node: f.id, off: off, data: slices.Clone(data)}
	f.held = c.on(f.held)
	f.disk.note(c)
	return uint32(len(data)), 0
}

func (f *fileNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if name, _ := f.Parent(); (path.Ext(name) == soundExt || path.Ext(name) == boxExt) && f.disk.fails(f.id) {
		return syscall.EIO
	}
	return f.disk.sync(f.id)
}

// fails says whether this sync is to fail. As with Linux, those who read the file still get what they
// wrote, the disk never does, and the next sync is a success.
func (d *forgetful) fails(node uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing == 0 {
		return false
	}
	d.failing--
	d.note(change{kind: failNode, node: node})
	return true
}

func (f *fileNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	out.Mode, out.Size = fileMode, uint64(len(f.held))
	return 0
}

func (f *fileNode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		c := change{kind: setSize, node: f.id, off: int64(size)}
		f.held = c.on(f.held)
		f.disk.note(c)
	}
	out.Mode, out.Size = fileMode, uint64(len(f.held))
	return 0
}

// on makes a change to what a file holds.
func (c change) on(held []byte) []byte {
	end := c.off + int64(len(c.data))
	if grow := end - int64(len(held)); grow > 0 {
		held = append(held, make([]byte, grow)...)
	}
	if c.kind == setSize {
		return held[:c.off]
	}
	copy(held[c.off:], c.data)
	return held
}

// blockBytes is what a disk writes as one.
const blockBytes = 4096

// blocks takes a write apart into what a disk may keep one without the other.
func (c change) blocks() (all []change) {
	for data, off := c.data, c.off; len(data) > 0; {
		n := min(int64(len(data)), blockBytes-off%blockBytes)
		one := c
		one.data, one.off = data[:n], off
		all = append(all, one)
		data, off = data[n:], off+n
	}
	return all
}

// An onDisk is what a disk has of one file or folder, and the changes that it may forget.
type onDisk struct {
	held    []byte
	entries map[string]uint64 // nil for a file
	late    []change
}

// do makes a change that is on the disk now.
func (f *onDisk) do(c change) {
	switch c.kind {
	case addName:
		f.entries[c.name] = c.what
	case dropName:
		delete(f.entries, c.name)
	default:
		f.held = c.on(f.held)
	}
}

// settle decides what became of the changes that were not synced. Blocks of a file are kept in any
// order; a folder's entries are kept in the order in which they were made, as journals do.
func (f *onDisk) settle(kept func() bool) {
	for _, c := range f.late {
		if f.entries != nil {
			if !kept() {
				break
			}
			f.do(c)
			continue
		}
		if c.kind == setSize && kept() {
			f.do(c)
		}
		for _, b := range c.blocks() {
			if kept() {
				f.do(b)
			}
		}
	}
}

// cut puts into dir what is on the disk after a power cut behind the first n changes; kept says of
// each change that was not synced whether the disk has it all the same.
func (d *forgetful) cut(n int, kept func() bool, dir string) error {
	nodes := map[uint64]*onDisk{rootNode: {entries: map[string]uint64{}}}
	for _, c := range d.changes[:n] {
		switch c.kind {
		case makeFile:
			nodes[c.node] = &onDisk{}
		case makeFolder:
			nodes[c.node] = &onDisk{entries: map[string]uint64{}}
		case syncNode:
			f := nodes[c.node]
			for _, l := range f.late {
				f.do(l)
			}
			f.late = nil
		case failNode:
			nodes[c.node].late = nil
		default:
			nodes[c.node].late = append(nodes[c.node].late, c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		nodes[id].settle(kept)
	}
	return lay(nodes, rootNode, dir)
}

// lay writes a folder and what is below it.
func lay(nodes map[uint64]*onDisk, id uint64, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, child := range nodes[id].entries {
		to := filepath.Join(dir, name)
		if nodes[child].entries != nil {
			if err := lay(nodes, child, to); err != nil {
				return err
			}
		} else if err := os.WriteFile(to, nodes[child].held, 0o600); err != nil {
			return err
		}
	}
	return nil
}
