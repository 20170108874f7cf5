//go:build acceptance

package acceptance

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A citizen asks for a copy of a call: it is found, registered, made, and delivered by commands; unzip, openssl and
// sha256sum open and verify it as its text says; Chromium plays it; axe-core finds nothing wrong with its page.
func TestACitizensCopy(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	c, taken := s.talk(s.citizen(), op)
	s.hangUp(taken)
	s.over(c)
	id := s.lastRecord().ID
	s.sealed(1)

	zone, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().In(zone).Format(time.DateOnly)
	number := s.callerNumber(id)
	found := s.jsonOf("copy", "find", "--number", number, "--date", day)["calls"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["call"] != id || strings.Contains(fmt.Sprint(found), number) {
		t.Fatalf("found is %v", found)
	}
	s.hasFields("copy find", found[0], "call arrived line number language operator length_ms recorded right_until right_days")
	request := s.jsonOf("copy", "request", id, "--identity-checked-by", "nigar", "--why", "came to the office", "--name", "A. Aliyeva")["number"].(string)
	dir := t.TempDir()
	if out, code := s.command("secret enough\n", "user", "add", "nigar", "--role", "supervisor"); code != 0 {
		t.Fatalf("user add: exit %d: %s", code, out)
	}
	if out, code := s.command("", "copy", "make", request, filepath.Join(dir, "none.zip")); code != 1 {
		t.Errorf("somebody who is no user makes a copy: exit %d: %s", code, out)
	}
	for silence, file := range map[string]string{"": "whole.zip", "operator": "half.zip"} {
		if out, code := s.command("", "copy", "make", request, filepath.Join(dir, file), "--silence", silence, "--by", "nigar"); code != 0 {
			t.Fatalf("copy make: exit %d: %s", code, out)
		}
	}
	if _, code := s.command("", "copy", "make", request, filepath.Join(dir, "whole.zip")); code != 2 {
		t.Errorf("a copy is written over another: exit %d", code)
	}
	if log := s.read("data/access/access.jsonl"); strings.Count(log, `"do":"copy"`) != 3 || strings.Count(log, `"refused":`) != 1 {
		t.Errorf("the log of accesses is %s", log)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.zip")); err == nil {
		t.Error("a refused copy leaves a file")
	}
	list := s.jsonOf("copy", "list")["copies"].([]any)
	s.hasFields("copy list", list[0], "number call case name checked_by by why state asked due due_days right_until right_days late silence digest made closed history")
	if out, code := s.command("", "copy", "deliver", request, "--how", "handed over"); code != 0 || !strings.Contains(out, "delivered") {
		t.Errorf("copy deliver: exit %d: %s", code, out)
	}

	svg := filepath.Join(dir, "call.svg")
	if out, code := s.command("", "recording", "show", id, "--svg", svg); code != 0 {
		t.Errorf("recording show --svg: exit %d: %s", code, out)
	}
	pictured(t, svg, id)

	whole, half := unzip(t, filepath.Join(dir, "whole.zip"), request), unzip(t, filepath.Join(dir, "half.zip"), request)
	for _, folder := range []string{whole, half} {
		followHowTo(t, folder)
	}
	if a, b := sum(t, filepath.Join(whole, id+".wav")), sum(t, s.sound(s.lastRecord())); a != b {
		t.Errorf("the copy's sound is %s, the house's %s", a, b)
	}
	look(t, "whole", whole)
	look(t, "half", half)
}

// pictured looks at the picture of a recording in a browser: it has a name and a description for those who do not see
// it, and its hills and words are drawn.
func pictured(t *testing.T, svg, id string) {
	t.Helper()
	b := browse(t)
	b.open(svg, 1200, true)
	var seen struct {
		Title, About string
		Waves, Words int
		Ground       string
	}
	b.run(`({Title: document.querySelector("title").textContent, About: document.querySelector("desc").textContent,
		Waves: Array.from(document.querySelectorAll(".wave")).filter(w => w.getBBox().height > 5).length,
		Words: document.querySelectorAll("text.when").length, Ground: getComputedStyle(document.querySelector(".sheet")).fill})`, &seen)
	if !strings.Contains(seen.Title, id) || !strings.Contains(seen.About, "wait, general") || seen.Waves != 2 || seen.Words < 4 || seen.Ground != "rgb(20, 23, 27)" {
		t.Errorf("the picture is %+v", seen)
	}
	b.picture("recording")
}

// callerNumber is the number from which a call came, as the rows have it.
func (s *server) callerNumber(id string) string {
	s.t.Helper()
	return strings.TrimSpace(run(s.t, "sqlite3", "-readonly", filepath.Join(s.data(), "hotline.db"), "SELECT from_number FROM calls WHERE id = '"+id+"'"))
}

func unzip(t *testing.T, file, request string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "unzip", "-q", file, "-d", dir)
	return filepath.Join(dir, "copy-"+request)
}

// followHowTo does what HOW-TO-VERIFY.txt says, in each of its languages.
func followHowTo(t *testing.T, folder string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "HOW-TO-VERIFY.txt"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^    (.+)$`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 9 || len(commands)%3 != 0 {
		t.Fatalf("the text has %d commands", len(commands))
	}
	for _, c := range commands {
		cmd := exec.Command("sh", "-c", c[1])
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", c[1], err, out)
		}
	}
}

func sum(t *testing.T, file string) string {
	t.Helper()
	return run(t, "sha256sum", file)[:64]
}

// look opens the page of a copy as people have it: wide and narrow, light and dark, in three languages, with the mouse
// and with the keyboard.
func look(t *testing.T, name, folder string) {
	t.Helper()
	b := browse(t)
	page := filepath.Join(folder, "index.html")
	for _, wide := range []int{1200, 320} {
		for _, dark := range []bool{false, true} {
			b.open(page, wide, dark)
			for _, lang := range []string{"az", "en", "ru"} {
				b.run(`document.querySelector("[data-language=`+lang+`]").click()`, nil)
				var seen struct {
					Lang, Title, Heading string
					Over                 int
					Small                []string
				}
				b.run(`({Lang: document.documentElement.lang, Title: document.title, Heading: document.querySelector("h1").textContent,
					Over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
					Small: Array.from(document.querySelectorAll("button")).filter(e => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24; }).map(e => e.outerHTML)})`, &seen)
				want := map[string]string{"az": "Zənginizin səsyazmasının surəti", "en": "A copy of the recording of your call", "ru": "Копия записи вашего звонка"}[lang]
				if seen.Lang != lang || seen.Title != want || seen.Heading != want || seen.Over > 0 || len(seen.Small) > 0 {
					t.Errorf("%s, %d wide, dark %t, %s: %+v", name, wide, dark, lang, seen)
				}
				if lang != "ru" && (wide == 320 || dark) {
					continue // the longest words are enough there
				}
				for _, wrong := range b.axe() {
					t.Errorf("%s, %d wide, dark %t, %s: %s", name, wide, dark, lang, wrong)
				}
				b.picture(fmt.Sprintf("copy-%s-%d-%t-%s", name, wide, dark, lang))
			}
		}
	}
	b.plays(t, name)
}

// plays has the page play from where the second row of its table says, by keyboard alone.
func (b *browser) plays(t *testing.T, name string) {
	t.Helper()
	var length float64
	b.run(`new Promise((ok, bad) => {
		const p = document.getElementById("player");
		const told = () => ok(p.duration);
		if (p.readyState > 0) told();
		p.addEventListener("loadedmetadata", told);
		p.addEventListener("error", () => bad(new Error("the sound does not load: " + p.error.message)));
	})`, &length)
	if length < 3 {
		t.Errorf("%s: the sound is %.1f s long", name, length)
	}
	b.run(`document.querySelectorAll("[data-at]")[1].focus()`, nil)
	b.press("Enter", 13, "\r")
	var played struct {
		Asked, At float64
		Head      bool
		Outline   string
	}
	b.run(`new Promise(ok => setTimeout(() => {
		const p = document.getElementById("player"), f = document.querySelectorAll("[data-at]")[1];
		ok({Asked: Number(f.dataset.at), At: p.currentTime, Head: !document.getElementById("head").hidden, Outline: getComputedStyle(f).outlineStyle});
	}, 700))`, &played)
	if off := played.At - played.Asked; off < 0.05 || off > 3 || math.IsNaN(off) || !played.Head || played.Outline == "none" {
		t.Errorf("%s: asked for %.1f s, it plays at %.1f; the head is shown: %t; the focus is seen: %s", name, played.Asked, played.At, played.Head, played.Outline)
	}
}
