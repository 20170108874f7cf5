package bundle

import (
	"fmt"
	"strings"
)

// A step of the verification: what it shows, and the commands that show it, the same in each language.
type step struct {
	key      string // of its words
	commands []string
}

// steps are what has to be done to see that nothing was changed.
func (b *binder) steps() []step {
	list := []step{
		{"how.sums", []string{"sha256sum --strict --check " + sumsFile}},
		{"how.signature", []string{"openssl pkeyutl -verify -pubin -inkey " + keyFile + " -rawin -in " + sumsFile + " -sigfile " + signFile}},
		{"how.key", []string{
			"test \"$(openssl pkey -pubin -in " + keyFile + " -outform DER | tail -c 32 | sha256sum | cut -c1-16)\" = " + b.k.ID() + " && echo the key is " + b.k.ID() + " || { echo ANOTHER KEY; false; }",
		}},
	}
	if b.c.SHA256 != "" && b.c.Silence == Whole {
		list = append(list, step{"how.sound", []string{
			"test \"$(sha256sum < " + b.sound + " | cut -c1-64)\" = \"$(sed 's/.*\"sha256\":\"\\([0-9a-f]*\\)\".*/\\1/' " + b.manifest + ")\" && echo the manifest names this sound || { echo ANOTHER SOUND; false; }",
		}})
	}
	if b.k.Sealed(b.c.Manifest) {
		end := `,"digest":"[0-9a-f]*","signature":"\([A-Za-z0-9+\/=]*\)"}$`
		list = append(list, step{"how.manifest", []string{
			"sed 's/" + end + "/}/' " + b.manifest + " | tr -d '\\n' > manifest.signed",
			"sed 's/.*" + end + "/\\1/' " + b.manifest + " | base64 -d > manifest.sig",
			"openssl pkeyutl -verify -pubin -inkey " + keyFile + " -rawin -in manifest.signed -sigfile manifest.sig",
		}})
	}
	return list
}

// howTo is the text on how to verify, in three languages. Commands stand behind four spaces, each in one line.
func (b *binder) howTo() []byte {
	var t strings.Builder
	for i, l := range languages {
		if i > 0 {
			t.WriteString("\n" + strings.Repeat("=", 78) + "\n\n")
		}
		put := func(key string, args ...any) { t.WriteString(fill(fmt.Sprintf(words[key][i], args...)) + "\n\n") }
		t.WriteString(names[l] + "\n\n")
		put("how.title", b.c.Request, b.c.Picture.Call)
		switch {
		case b.c.Silence != Whole:
			put("silenced." + b.c.Silence)
			put("how.derived", b.original)
		case b.c.SHA256 == "":
			put("how.encrypted")
		}
		put("how.before")
		for n, s := range b.steps() {
			fmt.Fprintf(&t, "%s\n\n", fill(fmt.Sprintf("%d. ", n+1)+words[s.key][i]))
			for _, c := range s.commands {
				t.WriteString("    " + c + "\n")
			}
			t.WriteString("\n")
		}
		put("how.key.why", b.k.ID())
		put("how.files", b.sound, b.manifest)
	}
	return []byte(strings.TrimRight(t.String(), "\n") + "\n")
}

// fill breaks a text into lines of 78 letters.
func fill(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		wide := 0
		for k, w := range strings.Fields(paragraph) {
			n := len([]rune(w))
			switch {
			case k == 0:
			case wide+1+n > 78:
				b.WriteByte('\n')
				wide = 0
			default:
				b.WriteByte(' ')
				wide++
			}
			b.WriteString(w)
			wide += n
		}
	}
	return b.String()
}
