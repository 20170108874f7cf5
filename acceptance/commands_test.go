//go:build acceptance

package acceptance

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// Every command helps with an example; wrong use and no server have their exit codes.
func TestCommands(t *testing.T) {
	s := newServer(t)
	for _, c := range []string{
		"try", "serve", "check", "config default", "user add", "user list", "user disable", "user passwd", "user import",
		"operator list", "operator pause", "operator resume", "queue show", "call list", "call trace", "recording list",
		"recording show", "recording verify", "backup", "backup verify", "restore", "reload", "drain", "simulate",
	} {
		out, err := exec.Command(program(t), append(strings.Fields(c), "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Example") {
			t.Errorf("hotline %s --help: %v, and an example:\n%s", c, err, out)
		}
	}
	for args, want := range map[string]int{
		"queue show": 3, "operator list": 3, "operator pause nobody": 3, "reload": 3, "drain": 3, // no server
		"call list": 0, "user list": 0, "recording list": 0, "recording verify": 0, "check": 0,
		"call list --limit 0": 2, "nonsense": 2, "call list -o xml": 2, "drain --until noon": 2,
		"user disable nobody": 1, "call trace 019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b": 1,
	} {
		if out, code := s.command("", strings.Fields(args)...); code != want {
			t.Errorf("hotline %s: exit %d, want %d: %s", args, code, want, out)
		}
	}
	good := s.read("hotline.yaml")
	for _, bad := range []struct{ file, fault string }{
		{"data: ./data\nlimit: {calls: 3}\n", ":2: limit: "},
		{strings.Replace(good, "start: main", "start: nowhere", 1), ":10: lines[0].start: "},
		{strings.Replace(good, "ports: 20000-21999", "ports: 21999-20000", 1), ":7: media.ports: "},
		{good + "stop: {grace: 10}\n", ":14: stop.grace: "},
	} {
		s.write("hotline.yaml", bad.file)
		out, code := s.command("", "check")
		if code != 1 || !strings.HasPrefix(out, s.config+bad.fault) || len(out) < len(s.config+bad.fault)+10 {
			t.Errorf("check: exit %d: %s; want 1 and FILE%s and what is wrong", code, out, bad.fault)
		}
		if _, code := s.command("", "serve"); code != 2 {
			t.Errorf("serve with a bad file: exit %d, want 2", code)
		}
		if _, code := s.command("", "call", "list"); code != 2 {
			t.Errorf("call list with a bad file: exit %d, want 2", code)
		}
	}
}

// The default file, with a carrier and a line taken out of its comments, is a file to serve.
func TestTheDefaultFileServes(t *testing.T) {
	s := newServer(t)
	sample, err := exec.Command(program(t), "config", "default").Output()
	if err != nil {
		t.Fatal(err)
	}
	s.write("hotline.yaml", string(sample))
	if out, code := s.command("", "check"); code != 1 || strings.Count(out, "\n") != 2 || !strings.Contains(out, "sip.trunks.carriers: ") || !strings.Contains(out, "lines: ") {
		t.Errorf("check of the default file: exit %d: %s; want it to miss a carrier and a line only", code, out)
	}
	text := string(sample)
	for _, key := range []string{"carriers: []", "lines: []", "menus: {}", "queues: []"} {
		// As the file says: take out the [] and the signs # of what follows.
		at := strings.Index(text, key)
		if at < 0 {
			t.Fatalf("the default file has no %s", key)
		}
		head, rest := text[:at]+strings.TrimRight(key, " []{}")+"\n", text[at+len(key)+1:]
		var lines []string
		inExample := true
		for _, l := range strings.Split(rest, "\n") {
			if inExample = inExample && strings.HasPrefix(strings.TrimSpace(l), "#"); inExample {
				l = strings.Replace(l, "#", " ", 1)
			}
			lines = append(lines, l)
		}
		text = head + strings.Join(lines, "\n")
	}
	s.write("hotline.yaml", text)
	if out, code := s.command("", "check"); code != 0 {
		t.Errorf("check of the default file with its examples: exit %d: %s", code, out)
	}
}

// Commands say the same, field by field, beside a running server and without one, with the file
// named by a flag or by the environment; and -o json is one JSON value and nothing else.
func TestCommandsBesideAServerAndWithout(t *testing.T) {
	s := newHouse(t, 1)
	s.addOperator("aysel", "az,ru")
	op := s.operatorPhone(operatorName(0))
	c, taken := s.talk(s.citizen(), op)
	open := s.jsonOf("call", "list")["calls"].([]any)
	if len(open) != 1 {
		t.Fatalf("calls: %v", open)
	}
	s.hasFields("an open call", open[0], "id line language queue operator outcome phase ended_by code arrived answered ended waited_ms talked_ms recording recording_paused notice kind linked unrecorded")
	if v := open[0].(map[string]any); v["outcome"] != nil || v["ended"] != nil || v["arrived"] == nil {
		t.Errorf("an open call: %v", v)
	}
	s.hasFields("operator list", s.jsonOf("operator", "list")["operators"].([]any)[0], "name languages skills queues state since registered call last_call paused reason wraps_until rests_until missed")
	s.hasFields("trunk list", s.jsonOf("trunk", "list")["trunks"].([]any)[0], "name up registered in out calls hosts")
	s.hasFields("queue show", s.jsonOf("queue", "show")["queues"].([]any)[0], "name waiting longest_wait_ms callbacks calls staff")
	s.hangUp(taken)
	s.over(c)
	id := s.lastRecord().ID
	eventually(t, 5*time.Second, "the recording is sealed", func() bool { return s.recordings()[0].State == "sealed" })

	questions := [][]string{
		{"call", "list"}, {"call", "list", "--limit", "1"}, {"call", "list", "--since", "1h"}, {"call", "trace", id},
		{"user", "list"}, {"recording", "list"}, {"recording", "show", id}, {"recording", "verify"},
	}
	beside := map[string]string{}
	for _, q := range questions {
		for _, form := range []string{"text", "json"} {
			out, code := s.command("", append(slices.Clone(q), "-o", form)...)
			if code != 0 || out == "" {
				t.Errorf("hotline %v -o %s: exit %d: %s", q, form, code, out)
			}
			beside[strings.Join(q, " ")+form] = out
		}
		s.jsonOf(q...)
	}
	s.hasFields("recording list", s.jsonOf("recording", "list")["recordings"].([]any)[0], "call path state duration_ms away local")
	s.hasFields("recording show", s.jsonOf("recording", "show", id), "call line language state opened length_ms above below spans marks peaks")
	story := s.jsonOf("call", "trace", id)["events"].([]any)
	var names []string
	for _, e := range story {
		names = append(names, e.(map[string]any)["name"].(string))
	}
	for _, want := range []string{"call.arrived", "recording.started", "call.language_chosen", "call.queued", "call.offered", "call.answered", "call.ended", "recording.sealed"} {
		if !slices.Contains(names, want) {
			t.Errorf("call trace has no %s: %q", want, names)
		}
	}
	s.people(op)
	delete(beside, "user listtext") // people have changed
	delete(beside, "user listjson")
	s.stop()
	t.Setenv("HOTLINE_CONFIG", s.config)
	for _, q := range questions {
		for _, form := range []string{"text", "json"} {
			before, ok := beside[strings.Join(q, " ")+form]
			out, err := exec.Command(program(t), append(slices.Clone(q), "-o", form)...).Output()
			if err != nil || ok && string(out) != before {
				t.Errorf("hotline %v -o %s without a server: %v:\n%s\nbeside one:\n%s", q, form, err, out, before)
			}
		}
	}
	if _, code := s.command("", "operator", "list"); code != 3 {
		t.Errorf("operator list without a server: exit %d, want 3", code)
	}
}

// people adds, changes and disables users beside the running server.
func (s *server) people(op *phone.Phone) {
	s.t.Helper()
	file := filepath.Join(s.dir, "more.csv")
	if err := os.WriteFile(file, []byte("name,role,languages,queues,password,sip_secret\nleyla,operator,az en,,,\nmurad,chief,,,known to him,\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, code := s.command("", "user", "import", file); code != 0 || !strings.Contains(out, "leyla") {
		s.t.Errorf("user import: exit %d: %s", code, out)
	}
	if _, code := s.command("another word\n", "user", "passwd", "murad"); code != 0 {
		s.t.Errorf("user passwd: exit %d", code)
	}
	if out, code := s.command("a word of hers\n", "user", "add", "leyla", "--languages", "az"); code != 1 {
		s.t.Errorf("user add of a name that is taken: exit %d: %s", code, out)
	}
	for _, u := range s.jsonOf("user", "list")["users"].([]any) {
		s.hasFields("user list", u, "name role languages skills queues phone disabled auto_answer")
	}
	s.operatorPhone("aysel") // added while the server ran: her telephone registers
	if _, code := s.command("", "user", "disable", operatorName(0)); code != 0 {
		s.t.Errorf("user disable: exit %d", code)
	}
	var refused *phone.Rejected
	if err := op.Register(within(s.t, 5*time.Second), time.Minute); !errors.As(err, &refused) {
		s.t.Errorf("a disabled operator's telephone registers: %v", err)
	}
}

// jsonOf runs a command with -o json and demands one JSON value, and nothing else.
func (s *server) jsonOf(args ...string) (v map[string]any) {
	s.t.Helper()
	out, code := s.command("", append(slices.Clone(args), "-o", "json")...)
	d := json.NewDecoder(strings.NewReader(out))
	if err := d.Decode(&v); err != nil || code != 0 {
		s.t.Fatalf("hotline %v -o json: exit %d, %v: %s", args, code, err, out)
	}
	if _, err := d.Token(); err != io.EOF {
		s.t.Errorf("hotline %v -o json: more than one value: %s", args, out)
	}
	return v
}

// hasFields demands exactly these fields, null or not.
func (s *server) hasFields(what string, v any, names string) {
	s.t.Helper()
	got := slices.Sorted(maps.Keys(v.(map[string]any)))
	want := strings.Fields(names)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.t.Errorf("%s has the fields %q, want %q", what, got, want)
	}
}

// A deployer's clip wins over ours, in the language it is for; the others keep ours.
func TestADeployersClipWins(t *testing.T) {
	s := newServer(t)
	for lang, keyed := range map[string]string{"az": "open.greeting", "en": "queue.enter"} {
		dir := filepath.Join(s.data(), "prompts", lang)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "sox", "-n", "-r", "16000", "-c", "1", "-b", "16", filepath.Join(dir, keyed+".wav"), "synth", "3", "sine", "700", "vol", "0.3")
	}
	if out, code := s.command("", "check"); code != 0 {
		t.Errorf("check: exit %d: %s", code, out)
	}
	s.start()
	c := s.dial(s.citizen())
	s.hears(c, 700)
	c.Media().Forget()
	s.press(c, "3")
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
	if pcm, _ := c.Media().HeardPCM(); first(pcm[len(pcm)/4:], 700) >= 0 { // the key ends the greeting
		t.Error("a Russian caller hears the English clip")
	}
	s.hangUp(c)
	c = s.queued(s.citizen())
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
	s.hears(c, 700)
	s.hangUp(c)

	// A clip that is no sound is told by check, with its file.
	bad := filepath.Join(s.data(), "prompts", "ru", "queue.enter.wav")
	if err := os.MkdirAll(filepath.Dir(bad), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("no sound at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.command("", "check"); code != 1 || !strings.Contains(out, "queue.enter.wav") {
		t.Errorf("check with a broken clip: exit %d: %s", code, out)
	}
}
