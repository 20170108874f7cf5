//go:build acceptance

package acceptance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hotline/phone"
)

// A backupReport is what `backup -o json` says.
type backupReport struct {
	Backup struct {
		Run                       string
		Files, Copied, Open, Left int
		Bytes, Written            int64
		Signed                    bool
		Faults                    []string
	}
	TookMS int64 `json:"took_ms"`
}

// While people talk and others call, the folder is backed up; on another machine, which other ports on
// this one stand for, it is put back: the rows up to then are the same, the talk is closed as
// interrupted with its sound, the telephones register with what they know, and whoever talks on the
// first machine notices nothing of either.
func TestBackupWhilePeopleTalk(t *testing.T) {
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	clip := s.ownClip()
	s.start()
	c, taken := s.talk(s.citizen(), s.operatorPhone("aysel"))
	s.callsComeAndGo(t, 5)
	before := s.records()
	var made atomic.Int64
	stop := s.callsGoOn(t, &made)

	dir := filepath.Join(s.dir, "backup")
	first := ask[backupReport](s, "backup", dir)
	c.Media().Forget()
	taken.Media().Forget()
	second := ask[backupReport](s, "backup", dir, "--rate", "20")
	s.hears(c, 1000)
	s.hears(taken, 440)
	for n, r := range map[string]backupReport{"first": first, "second": second} {
		t.Logf("%s backup: %d files, %d kB, %d copied, %d kB, %d ms; %d open, %d left, %d calls made meanwhile",
			n, r.Backup.Files, r.Backup.Bytes>>10, r.Backup.Copied, r.Backup.Written>>10, r.TookMS, r.Backup.Open, r.Backup.Left, made.Load())
		if len(r.Backup.Faults) > 0 || !r.Backup.Signed || r.Backup.Open < 1 {
			t.Errorf("the %s backup: %+v", n, r.Backup)
		}
	}
	if second.Backup.Copied >= first.Backup.Copied+20 || second.Backup.Files <= first.Backup.Files {
		t.Errorf("the second copied %d of %d files, the first %d", second.Backup.Copied, second.Backup.Files, first.Backup.Copied)
	}
	s.hardlyAnyRoom(t)
	public := filepath.Join(s.dir, "node.pem")
	pem, err := filepath.Glob(filepath.Join(s.data(), "recordings/chain/*/node.pem"))
	if err != nil || len(pem) != 1 {
		t.Fatalf("the public key: %q, %v", pem, err)
	}
	key, err := os.ReadFile(pem[0])
	if err != nil {
		t.Fatal(err)
	}
	s.write("node.pem", string(key))
	if out, err := exec.Command(program(t), "backup", "verify", dir, "--key", public).CombinedOutput(); err != nil {
		t.Errorf("backup verify: %v: %s", err, out)
	}
	stop()
	if made.Load() == 0 {
		t.Error("nobody called meanwhile")
	}

	back := s.elsewhere(t)
	out, code := back.command("", "restore", dir, "--key", public)
	t.Logf("restore: %s", out)
	if code != 0 {
		t.Fatalf("restore: exit %d", code)
	}
	if out, code := back.command("", "restore", dir); code == 0 {
		t.Errorf("restored twice: %s", out)
	}
	back.start()
	if out, code := back.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify: exit %d: %s", code, out)
	}
	back.hasRecords(t, before)
	if b, err := os.ReadFile(filepath.Join(back.data(), "prompts/en/own.hello.wav")); err != nil || string(b) != clip {
		t.Errorf("the deployer's clip: %v", err)
	}
	back.takesACall(t)
	s.goesOn(c, "citizen")
	s.goesOn(taken, "operator")
	s.hangUp(c)
	s.over(taken)
	if r := s.lastRecord(); str(r.Outcome) != "completed" && str(r.Outcome) != "abandoned" {
		t.Errorf("the first server's newest record: %s", r)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("recording verify of the first server: exit %d: %s", code, out)
	}
	back.kill()
	back.write("data/restoring.json", `{"backup":"`+dir+`"}`)
	if out, err := exec.Command(program(t), "serve", "--config", back.config).CombinedOutput(); err == nil || !strings.Contains(string(out), "hotline restore "+dir) {
		t.Errorf("on a folder that is half restored it serves: %v, %s", err, out)
	}
}

// ownClip puts a clip of the deployer's into the data folder.
func (s *server) ownClip() string {
	s.t.Helper()
	name := filepath.Join(s.dir, "hello.wav")
	run(s.t, "sox", "-n", "-r", "8000", "-b", "16", "-c", "1", name, "synth", "1", "sine", "300")
	b, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.data(), "prompts/en"), 0o750); err != nil {
		s.t.Fatal(err)
	}
	s.write("data/prompts/en/own.hello.wav", string(b))
	return string(b)
}

// callsComeAndGo has so many citizens call and give up in the greeting.
func (s *server) callsComeAndGo(t *testing.T, n int) {
	t.Helper()
	for range n {
		s.greeted()
	}
	eventually(t, 10*time.Second, "their records are closed", func() bool {
		closed := 0
		for _, r := range s.records() {
			if r.Ended != nil {
				closed++
			}
		}
		return closed >= n
	})
}

// callsGoOn has citizens call, one after the other, until stop.
func (s *server) callsGoOn(t *testing.T, made *atomic.Int64) (stop func()) {
	t.Helper()
	over, done := make(chan struct{}), make(chan struct{})
	p := s.citizen()
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			default:
			}
			c, err := p.Dial(within(t, 5*time.Second), phone.DialOptions{To: line919})
			if err != nil {
				t.Errorf("a call during the backup: %v", err)
				return
			}
			if err := c.Media().WaitSound(within(t, 5*time.Second)); err != nil {
				t.Errorf("a call during the backup heard nothing: %v", err)
			}
			if err := c.Hangup(within(t, 5*time.Second)); err != nil {
				t.Errorf("a call during the backup: %v", err)
			}
			made.Add(1)
		}
	}()
	return func() { close(over); <-done }
}

// hardlyAnyRoom demands a clear word where the backup's disk is too small.
func (s *server) hardlyAnyRoom(t *testing.T) {
	t.Helper()
	small := filepath.Join(s.dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small)
	defer run(t, "umount", small)
	out, err := exec.Command(program(t), "backup", small, "--config", s.config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make room there") {
		t.Errorf("a backup onto a disk that is too small: %v: %s", err, out)
	}
}

// elsewhere is another machine's server: the same file on other ports, and no data yet.
func (s *server) elsewhere(t *testing.T) *server {
	t.Helper()
	back := newServer(t)
	body := strings.NewReplacer("127.0.0.1:5060", "127.0.0.1:5160", "127.0.0.1:5070", "127.0.0.1:5170", "20000-21999", "22000-23999",
		"127.0.0.1:8080", "127.0.0.1:8180", "127.0.0.1:9919", "127.0.0.1:9920").Replace(s.read("hotline.yaml"))
	back.write("hotline.yaml", body)
	back.secrets = s.secrets
	return back
}

// hasRecords demands that the records of calls are those that were there, but that the open ones are
// closed as interrupted.
func (s *server) hasRecords(t *testing.T, before []record) {
	t.Helper()
	now := map[string]record{}
	for _, r := range s.records() {
		now[r.ID] = r
		if r.Ended == nil {
			t.Errorf("a record is open: %s", r)
		}
	}
	talks := 0
	for _, was := range before {
		got, ok := now[was.ID]
		switch {
		case !ok:
			t.Errorf("a record is missing: %s", was)
		case was.Ended == nil:
			talks++
			if str(got.Outcome) != "interrupted" || str(got.Operator) != "aysel" || got.Recording == nil || got.TalkedMS == nil || *got.TalkedMS == 0 {
				b, _ := json.Marshal(got)
				t.Errorf("the talk that was open: %s", b)
				continue
			}
			if m := s.manifest(got); m.State != "interrupted" || m.Samples < 8000 {
				t.Errorf("its recording is %s, %d samples", m.State, m.Samples)
			}
			if info := run(t, "soxi", "-c", s.sound(got)); strings.TrimSpace(info) != "2" {
				t.Errorf("sox does not open it: %s", info)
			}
		case !reflect.DeepEqual(was, got):
			t.Errorf("a record is another: %s, was %s", got, was)
		}
	}
	if talks != 1 {
		t.Errorf("%d calls were open, want the talk", talks)
	}
}

// takesACall has an operator register with the secret of before, and talk.
func (s *server) takesACall(t *testing.T) {
	t.Helper()
	op := s.operatorPhone("aysel", func(o *phone.Options) { o.Server = "127.0.0.1:5170" })
	c, err := s.citizen().Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@127.0.0.1:5160"})
	if err != nil {
		t.Fatal(err)
	}
	s.press(c, "2")
	taken := s.rung(op)
	s.together(c, taken, 1000)
	s.hangUp(c)
	s.over(taken)
}

// systemd runs the shipped nightly backup inside its restrictions, beside the server in its own. Without
// the disk it does nothing.
func TestTheNightlyBackup(t *testing.T) {
	s := newServer(t)
	shipped, err := os.ReadFile("../deploy/hotline-backup.service")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "units"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("units/hotline-backup.service", strings.ReplaceAll(string(shipped), "/backup", "/run/disk"))
	u := newUnit(t, s)
	s.addOperatorAs(u, "aysel")
	u.up()
	c, taken := s.talk(s.citizen(), s.operatorPhone("aysel"))
	u.do("mkdir", "/run/disk")
	if out, err := u.try("systemctl", "start", "hotline-backup"); err == nil {
		t.Errorf("without its disk it has backed up: %s", out)
	}
	u.do("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", "/run/disk")
	for range 2 {
		if out, err := u.try("systemctl", "start", "hotline-backup"); err != nil {
			t.Fatalf("the nightly backup: %v: %s", err, out)
		}
		t.Logf("%s", u.do("/usr/local/bin/hotline", "backup", "verify", "/run/disk/hotline"))
	}
	s.hangUp(c)
	s.over(taken)
	// What root has left beside the rows does not keep the server from writing, or from starting again.
	if r := s.lastRecord(); str(r.Outcome) != "completed" {
		t.Errorf("record: %s", r)
	}
	u.do("systemctl", "stop", "hotline")
	u.do("systemctl", "start", "hotline-backup")
	u.up()
	c, taken = s.talk(s.citizen(), s.operatorPhone("aysel"))
	s.hangUp(c)
	s.over(taken)
	if r := s.lastRecord(); str(r.Outcome) != "completed" {
		t.Errorf("after a backup without a server: %s", r)
	}
}
