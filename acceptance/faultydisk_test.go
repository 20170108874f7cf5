//go:build acceptance

package acceptance

import (
	"context"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A faultyDisk is a file system (FUSE) in front of another folder that fails as it is told. The
// program under test gets its errors from the kernel, as from any disk. strace could inject them too,
// but holds up the whole program, and with it the sound that is to be judged.
type faultyDisk struct {
	mu    sync.Mutex
	fault diskFault
	met   int // how often it was
}

// A diskFault says how a disk fails. The zero value is a disk that is well.
type diskFault struct {
	write syscall.Errno // of every write
	after int           // but for so many
	names syscall.Errno // of making, renaming and removing
	sync  syscall.Errno // of every sync of a file
	takes time.Duration // every sync, before its answer
}

// mountFaulty mounts it on dir, in front of the folder behind.
func mountFaulty(t *testing.T, dir, behind string) *faultyDisk {
	t.Helper()
	d := &faultyDisk{}
	var st syscall.Stat_t
	if err := syscall.Stat(behind, &st); err != nil {
		t.Fatal(err)
	}
	root := &fs.LoopbackRoot{Path: behind, Dev: st.Dev}
	root.NewNode = func(r *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &faultyNode{LoopbackNode: fs.LoopbackNode{RootData: r}, disk: d}
	}
	top := root.NewNode(root, nil, "", &st)
	root.RootNode = top
	server, err := fs.Mount(dir, top, &fs.Options{MountOptions: fuse.MountOptions{FsName: "faulty", Name: "faulty", DirectMount: true}})
	if err != nil {
		t.Fatalf("a file system of our own cannot be mounted on %s: %v (apt-get install fuse3)", filepath.Base(dir), err)
	}
	t.Cleanup(func() {
		d.fail(diskFault{})
		if err := server.Unmount(); err != nil {
			run(t, "umount", "-l", dir)
		}
	})
	return d
}

// fail makes the disk fail from now on.
func (d *faultyDisk) fail(f diskFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.met = f, 0
}

// times is how often the present fault was met.
func (d *faultyDisk) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.met
}

// name is what making, renaming and removing says now.
func (d *faultyDisk) name() syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault.names != 0 {
		d.met++
	}
	return d.fault.names
}

// A faultyNode is a file or folder on it.
type faultyNode struct {
	fs.LoopbackNode
	disk *faultyDisk
}

func (n *faultyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.disk.name(); e != 0 {
		return nil, nil, 0, e
	}
	child, f, how, e := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if e != 0 {
		return nil, nil, 0, e
	}
	return child, &faultyFile{f.(*fs.LoopbackFile), n.disk}, how, 0
}

func (n *faultyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, how, e := n.LoopbackNode.Open(ctx, flags)
	if e != 0 {
		return nil, 0, e
	}
	return &faultyFile{f.(*fs.LoopbackFile), n.disk}, how, 0
}

func (n *faultyNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.disk.name(); e != 0 {
		return nil, e
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *faultyNode) Unlink(ctx context.Context, name string) syscall.Errno {
	if e := n.disk.name(); e != 0 {
		return e
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *faultyNode) Rename(ctx context.Context, name string, into fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if e := n.disk.name(); e != 0 {
		return e
	}
	return n.LoopbackNode.Rename(ctx, name, into, newName, flags)
}

// Setattr leaves the handle out: it would be one that the loopback does not know.
func (n *faultyNode) Setattr(ctx context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if e := n.disk.name(); e != 0 {
		return e
	}
	return n.LoopbackNode.Setattr(ctx, nil, in, out)
}

func (n *faultyNode) Getattr(ctx context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.LoopbackNode.Getattr(ctx, nil, out)
}

// A faultyFile is an open file on it. It does not embed the file behind it: the kernel would then
// write there itself.
type faultyFile struct {
	behind *fs.LoopbackFile
	disk   *faultyDisk
}

func (f *faultyFile) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return f.behind.Read(ctx, buf, off)
}

func (f *faultyFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	d := f.disk
	d.mu.Lock()
	e := d.fault.write
	if e != 0 && d.fault.after > 0 {
		d.fault.after--
		e = 0
	}
	if e != 0 {
		d.met++
	}
	d.mu.Unlock()
	if e != 0 {
		return 0, e
	}
	return f.behind.Write(ctx, data, off)
}

func (f *faultyFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	d := f.disk
	d.mu.Lock()
	e, takes := d.fault.sync, d.fault.takes
	if e != 0 || takes != 0 {
		d.met++
	}
	d.mu.Unlock()
	time.Sleep(takes)
	if e != 0 {
		return e
	}
	return f.behind.Fsync(ctx, flags)
}

func (f *faultyFile) Flush(ctx context.Context) syscall.Errno   { return f.behind.Flush(ctx) }
func (f *faultyFile) Release(ctx context.Context) syscall.Errno { return f.behind.Release(ctx) }
