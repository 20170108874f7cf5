//go:build acceptance

package acceptance

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The program needs no library and no loader: an image may hold it and nothing else.
func TestTheProgramIsStatic(t *testing.T) {
	f, err := elf.Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %q, %v", libraries, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
}

// A call inside the container: the shipped file is built, run without rights on the machine's own
// network, asked for its health, and stopped.
func TestACallInsideTheContainer(t *testing.T) {
	s := newServer(t)
	p := newPodman(t)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	p.do("build", "--format", "docker", "--tag", "hotline", "--file", filepath.Join(root, "deploy/container/Containerfile"), root)
	s.write("etc.yaml", strings.Replace(s.read("hotline.yaml"), "data: ./data", "data: /var/lib/hotline", 1))
	if err := os.Chmod(filepath.Join(s.dir, "etc.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	var ours syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &ours); err != nil {
		t.Fatal(err)
	}
	files := min(65536, ours.Max)
	restricted := []string{
		"--network=host", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", fmt.Sprintf("--ulimit=nofile=%d:%d", files, files), "--ulimit=nproc=10000:10000",
		"--volume=" + filepath.Join(s.dir, "etc.yaml") + ":/etc/hotline.yaml:ro", "--volume=data:/var/lib/hotline", "--cgroups=disabled", "--health-interval=disable",
	}
	made := p.doWith("correct horse battery\n", append(append([]string{"run", "--rm", "--interactive"}, restricted...),
		"hotline", "user", "add", "aysel", "--languages", "az,en", "--phone", "-o", "json")...)
	s.secrets["aysel"] = secretIn(t, made)
	p.do(append(append([]string{"run", "--detach", "--name=hotline"}, restricted...), "hotline")...)
	calmly(t, 30*time.Second, "the container is well", func() bool {
		_, err := p.try("", "healthcheck", "run", "hotline")
		return err == nil
	})
	if err := os.Symlink(p.do("volume", "inspect", "data", "--format", "{{.Mountpoint}}"), s.data()); err != nil {
		t.Fatal(err)
	}

	c, taken := s.talk(s.citizen(), s.operatorPhone("aysel"))
	select {
	case <-c.Done():
		t.Fatalf("the call was cut off by %s", c.EndedBy())
	case <-time.After(4 * time.Second):
	}
	s.hangUp(c)
	s.over(taken)
	r := s.lastRecord()
	if str(r.Outcome) != "completed" || str(r.Operator) != "aysel" {
		t.Errorf("record: %s", r)
	}
	s.recordingShows(t, r)
	p.do("stop", "--time=30", "hotline")
	if code := p.do("inspect", "hotline", "--format", "{{.State.ExitCode}}"); code != "0" {
		t.Errorf("stopped, it ended with %s", code)
	}
	if _, err := p.try("", "healthcheck", "run", "hotline"); err == nil {
		t.Error("stopped, it is well")
	}
}

// A podman has a folder of its own for all that it keeps.
type podman struct {
	t   *testing.T
	dir string
}

func newPodman(t *testing.T) *podman {
	t.Helper()
	p := &podman{t: t, dir: t.TempDir()}
	// The runtime looks for control groups, of which a network namespace's /sys has none.
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.procs"); err != nil {
		cgroup2(t, "/sys/fs/cgroup")
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := p.try("", "logs", "hotline")
			t.Logf("the container's log:\n%s", log)
		}
		p.do("rm", "--force", "--all")
		p.do("rmi", "--force", "--all")
		_ = exec.Command("umount", "-R", filepath.Join(p.dir, "root", "vfs")).Run()
	})
	return p
}

// try runs podman.
func (p *podman) try(in string, args ...string) (string, error) {
	c := exec.Command("podman", append([]string{"--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"),
		"--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file", "--log-level=fatal"}, args...)...)
	c.Stdin = strings.NewReader(in)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("podman %s (apt-get install podman crun): %w\n%s%s", strings.Join(args, " "), err, out, said.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (p *podman) do(args ...string) string { return p.doWith("", args...) }

func (p *podman) doWith(in string, args ...string) string {
	p.t.Helper()
	out, err := p.try(in, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}
