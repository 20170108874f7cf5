//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A unit is a server that systemd runs, by the file we ship.
type unit struct {
	*server
	boss int // systemd's process, as we see it
}

// newUnit boots systemd in namespaces of its own. The unit is deploy/hotline.service; a drop-in
// changes what the lines say.
func newUnit(t *testing.T, s *server, dropIn ...string) *unit {
	t.Helper()
	u := &unit{server: s}
	shipped, err := os.ReadFile("../deploy/hotline.service")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "units", "hotline.service.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("units/hotline.service", string(shipped))
	s.write("units/hotline.service.d/test.conf", "[Service]\nStandardError=append:/run/hotline.log\n"+strings.Join(dropIn, "\n")+"\n")
	for _, target := range []string{"boot", "sysinit", "basic", "shutdown", "network-online", "time-sync"} {
		s.write("units/"+target+".target", "[Unit]\nDefaultDependencies=no\n")
	}
	s.write("etc.yaml", strings.Replace(s.read("hotline.yaml"), "data: ./data", "data: /var/lib/hotline", 1))
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("lib/private/hotline", s.data()); err != nil { // what DynamicUser makes of StateDirectory
		t.Fatal(err)
	}
	u.boot(t)
	return u
}

// boot starts systemd in a control group of its own, which goes with it.
func (u *unit) boot(t *testing.T) {
	t.Helper()
	group := filepath.Join(cgroup2(t, filepath.Join(u.dir, "cgroup")), fmt.Sprintf("hotline-test-%d", os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var said bytes.Buffer
	c := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--cgroup",
		"./systemd.sh", u.dir, program(t))
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		removeGroup(t, group)
		if t.Failed() {
			t.Logf("systemd said:\n%s", said.String())
		}
	})
	eventually(t, 20*time.Second, "systemd is there", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.Process.Pid, c.Process.Pid))
		u.boss, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		if u.boss == 0 {
			return false
		}
		_, err := u.try("systemctl", "is-active", "boot.target")
		return err == nil
	})
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := u.try("tail", "-c", "8000", "/run/hotline.log")
			state, _ := u.try("systemctl", "status", "--no-pager", "hotline")
			t.Logf("%s\nthe server's log:\n%s", state, log)
		}
	})
}

// cgroup2 mounts the control groups of the second kind, all controllers or none.
func cgroup2(t *testing.T, at string) string {
	t.Helper()
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("cgroup2", at, "cgroup2", 0, ""); err != nil {
		t.Fatalf("systemd has nowhere to live: mount cgroup2: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(at, 0); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
	return at
}

// removeGroup takes away a group and those below it, once their processes have gone.
func removeGroup(t *testing.T, group string) {
	eventually(t, 20*time.Second, group+" is empty", func() bool {
		var groups []string
		_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
		for _, g := range slices.Backward(groups) {
			_ = os.Remove(g)
		}
		_, err := os.Stat(group)
		return os.IsNotExist(err)
	})
}

// try runs a command beside systemd.
func (u *unit) try(command ...string) (string, error) {
	out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(u.boss), "-m", "-p", "-i", "-u", "-C"}, command...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// do runs a command beside systemd that must work.
func (u *unit) do(command ...string) string {
	u.t.Helper()
	out, err := u.try(command...)
	if err != nil {
		u.t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return out
}

// property is what systemd says of the unit.
func (u *unit) property(name string) string {
	u.t.Helper()
	return u.do("systemctl", "show", "hotline", "--value", "-p", name)
}

// up starts the unit: systemd says that it is started when the server says that it is ready.
func (u *unit) up() {
	u.t.Helper()
	u.do("systemctl", "start", "hotline")
	u.found()
}

// found notes where the server is.
func (u *unit) found() {
	u.t.Helper()
	u.run = runFile{Metrics: "127.0.0.1:9919", HTTP: "127.0.0.1:8080"}
}
