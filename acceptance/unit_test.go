//go:build acceptance

package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// systemd runs the shipped unit; a citizen and an operator talk inside its restrictions, and these
// are what the kernel says they are.
func TestACallInsideTheUnit(t *testing.T) {
	s := newServer(t)
	u := newUnit(t, s, "SupplementaryGroups=adm")
	u.do("sh", "-c", `echo 994 >/run/secret && chown root:adm /run/secret && chmod 0640 /run/secret &&
		echo 'numbers: {country: "${FILE:/run/secret}", national: "0", international: "00"}' >>/etc/hotline.yaml`)
	s.addOperatorAs(u, "aysel")
	u.up()
	if state, status := u.property("SubState"), u.property("StatusText"); state != "running" || !strings.HasPrefix(status, "takes calls") {
		t.Fatalf("started, the unit is %q and says %q", state, status)
	}
	main := u.property("MainPID")
	u.restricted(main)

	op := s.operatorPhone("aysel")
	c, taken := s.talk(s.citizen(), op)
	c.Media().Forget()
	taken.Media().Forget()
	u.do("systemctl", "reload", "hotline")
	select {
	case <-c.Done():
		t.Fatalf("the call was cut off by %s", c.EndedBy())
	case <-time.After(4 * time.Second):
	}
	s.hears(c, 1000)
	s.hears(taken, 440)
	s.hangUp(c)
	s.over(taken)
	r := s.lastRecord()
	if str(r.Outcome) != "completed" || str(r.Operator) != "aysel" {
		t.Errorf("record: %s", r)
	}
	s.recordingShows(t, r)
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
	for _, series := range []string{"process_start_time_seconds", "hotline_disk_size_bytes", "process_open_fds"} {
		if !regexp.MustCompile(`(?m)^` + series + ` [1-9]`).MatchString(s.page("/metrics")) {
			t.Errorf("inside the unit %s is not to be had", series)
		}
	}
	u.do("cp", "/etc/hotline.yaml", "/run/good.yaml")
	u.do("sh", "-c", "echo nonsense: 1 >>/etc/hotline.yaml")
	if out, err := u.try("systemctl", "reload", "hotline"); err == nil {
		t.Errorf("a bad file was read again: %s", out)
	}
	u.do("cp", "/run/good.yaml", "/etc/hotline.yaml")
	if now := u.property("MainPID"); now != main || u.property("ActiveState") != "active" {
		t.Errorf("after a reload the unit is %s, its process %s was %s", u.property("ActiveState"), now, main)
	}

	// What a command run by root has left in the folder does not keep the server from starting again.
	u.do("systemctl", "stop", "hotline")
	s.addOperatorAs(u, "kamran")
	u.up()
	c, taken = s.talk(s.citizen(), s.operatorPhone("kamran"))
	s.hangUp(taken)
	s.over(c)
	if r := s.lastRecord(); str(r.Outcome) != "completed" || str(r.Operator) != "kamran" {
		t.Errorf("after root was there: %s", r)
	}
}

// addOperatorAs adds an operator as root would, beside systemd.
func (s *server) addOperatorAs(u *unit, name string) {
	s.t.Helper()
	u.do("sh", "-c", "echo correct horse battery | /usr/local/bin/hotline user add "+name+
		" --languages az,en --phone --config /etc/hotline.yaml -o json >/run/made.json")
	s.secrets[name] = secretIn(s.t, u.do("cat", "/run/made.json"))
}

// secretIn is the secret of a telephone in what `user add -o json` said.
func secretIn(t testing.TB, made string) string {
	t.Helper()
	secret := regexp.MustCompile(`"secret":\s*"([^"]+)"`).FindStringSubmatch(made)
	if secret == nil {
		t.Fatalf("user add said %s", made)
	}
	return secret[1]
}

// restricted demands that what the unit's file says has been done to the process.
func (u *unit) restricted(pid string) {
	u.t.Helper()
	status := u.do("cat", "/proc/"+pid+"/status")
	for _, want := range []string{
		`NoNewPrivs:\t1`, `Seccomp:\t2`, `CapInh:\t0+`, `CapPrm:\t0+`, `CapEff:\t0+`, `CapBnd:\t0+`, `CapAmb:\t0+`,
		`Uid:\t6\d{4}\t.*`, // one of systemd's dynamic users
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(status) {
			u.t.Errorf("the process does not have %s:\n%s", want, status)
		}
	}
	var ours syscall.Rlimit // what a container's systemd may give is no more than it has
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &ours); err != nil {
		u.t.Fatal(err)
	}
	files := fmt.Sprint(min(65536, ours.Max))
	if limits := u.do("cat", "/proc/"+pid+"/limits"); !regexp.MustCompile(`Max open files +` + files + ` +` + files + ` `).MatchString(limits) {
		u.t.Errorf("open files are not limited to %s:\n%s", files, limits)
	}
	// What can be written to is the folder of the data, and what nobody else sees.
	for _, mount := range strings.Split(u.do("cat", "/proc/"+pid+"/mounts"), "\n") {
		f := strings.Fields(mount)
		private := regexp.MustCompile(`^/(tmp|var/tmp|dev|dev/.*|proc|run|run/.*|var/lib/private/hotline)$`).MatchString(f[1])
		if strings.HasPrefix(f[3], "rw") && !private {
			u.t.Errorf("it may write to %s", mount)
		}
	}
	// And the file systems refuse it.
	for path, may := range map[string]bool{"/var/lib/private/hotline": true, "/tmp": true, "/etc": false, "/usr/local/bin": false, "/var/lib": false, "/root": false, "/run": false, "/var/log": false} {
		user := regexp.MustCompile(`(?m)^Uid:\t(\d+)`).FindStringSubmatch(status)[1]
		out, err := u.try("nsenter", "-t", pid, "-m", "-U", "--preserve-credentials", "setpriv", "--reuid="+user, "--regid="+user, "--keep-groups", "touch", path+"/written")
		if (err == nil) != may {
			u.t.Errorf("as its user, in its namespaces, writing to %s: %v %s", path, err, out)
		}
	}
}

// A server that hangs is ended and started again by systemd.
func TestTheWatchdogEndsAServerThatHangs(t *testing.T) {
	s := newServer(t)
	u := newUnit(t, s, "WatchdogSec=8")
	s.addOperatorAs(u, "aysel")
	u.up()
	op := s.operatorPhone("aysel")
	c, _ := s.talk(s.citizen(), op)
	main := u.property("MainPID")
	u.do("kill", "-STOP", main)
	calmly(t, 60*time.Second, "systemd has started another", func() bool {
		return u.property("NRestarts") == "1" && u.property("SubState") == "running"
	})
	if now := u.property("MainPID"); now == main {
		t.Error("it is the same process")
	}
	s.over(c) // a BYE for who was left in the call
	if r := s.lastRecord(); str(r.Outcome) != "interrupted" {
		t.Errorf("the call it hung with: %s", r)
	}
	c, taken := s.talk(s.citizen(), op) // registered still
	s.hangUp(c)
	s.over(taken)
	calmly(t, 10*time.Second, "it stays", func() bool { return strings.Contains(u.property("StatusText"), "takes calls: 0 here") })
	if n := u.property("NRestarts"); n != "1" {
		t.Errorf("it was restarted %s times", n)
	}
}

// While people talk systemd's patience does not end, whoever has asked for the end; and a drain that
// has come to its end is no failure that is mended by another start.
func TestSystemdWaitsForTheLastCall(t *testing.T) {
	s := newServer(t)
	u := newUnit(t, s, "TimeoutStopSec=2", "WatchdogSec=8")
	s.addOperatorAs(u, "aysel")
	for how, end := range map[string][]string{
		"systemctl stop": {"systemctl", "stop", "--no-block", "hotline"},
		"hotline drain":  {"sh", "-c", "/usr/local/bin/hotline drain --config /etc/hotline.yaml >/run/drained 2>&1 &"},
	} {
		t.Run(how, func(t *testing.T) {
			s, u := s.in(t), &unit{server: s.in(t), boss: u.boss}
			u.up()
			c, taken := s.talk(s.citizen(), s.operatorPhone("aysel"))
			u.do(end...)
			calmly(t, 10*time.Second, "systemd knows that it ends", func() bool { return u.property("ActiveState") == "deactivating" })
			const talk = 15 * time.Second // more than the unit allows, and than one asking for more brings
			c.Media().Forget()
			select {
			case <-c.Done():
				t.Fatalf("the call was cut off by %s", c.EndedBy())
			case <-time.After(talk):
			}
			s.hears(c, 1000)
			if status := u.property("StatusText"); !strings.HasPrefix(status, "draining: 1 here") {
				t.Errorf("meanwhile it says %q", status)
			}
			s.hangUp(c)
			s.over(taken)
			calmly(t, 20*time.Second, "it has ended", func() bool { return u.property("ActiveState") == "inactive" })
			if result, n := u.property("Result"), u.property("NRestarts"); result != "success" || n != "0" {
				t.Errorf("it ended with %s and was restarted %s times", result, n)
			}
			if _, err := os.Stat(filepath.Join(s.data(), "run.json")); err == nil {
				t.Error("it did not end in good order: run.json is still there")
			}
		})
	}
}
