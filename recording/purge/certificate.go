package purge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hotline/recording/chain"
	"hotline/recording/durable"
	"hotline/recording/retention"
)

// A Certificate says what one run has erased, by what rules, and what was held back and why. It is signed as the
// links of the chain are, and can be checked like them.
type Certificate struct {
	Kind   string    `json:"kind"` // "purge"
	ID     string    `json:"id"`
	Node   string    `json:"node"`
	Begun  time.Time `json:"begun"`
	Ended  time.Time `json:"ended"`
	Rules  []string  `json:"rules"` // in words
	Erased []Erasure `json:"erased"`
	Held   []Kept    `json:"held"`
	Stuck  []Erasure `json:"stuck,omitempty"` // is in the chain as erased and could not be taken away yet
	chain.Link
}

func (r *Reaper) certificate(run *run) Certificate {
	rules := r.o.Rules()
	c := Certificate{
		Kind: "purge", ID: run.ID, Node: r.o.Node, Begun: run.Begun, Ended: r.o.Now().UTC().Truncate(time.Millisecond),
		Rules: []string{fmt.Sprintf("standard: %d calendar months; with a case %d, from its close or the end of its term; days of %s",
			rules.Keep, max(rules.Keep, rules.Cases), rules.Zone)},
		Erased: append([]Erasure{}, run.Done...), Held: append([]Kept{}, run.Held...), Stuck: slices.Clone(run.Stuck),
	}
	for _, k := range rules.Classes {
		c.Rules = append(c.Rules, inWords(k))
	}
	return c
}

// inWords says of what a class is and how long it is kept.
func inWords(k retention.Class) string {
	said := fmt.Sprintf("%s: %d calendar months", k.Name, k.Keep)
	matters := make([]string, len(k.Matters))
	for i, m := range k.Matters {
		matters[i] = string(m)
	}
	for _, l := range []struct {
		of   string
		list []string
	}{{"lines", k.Lines}, {"queues", k.Queues}, {"matters", matters}, {"topics", k.Topics}} {
		if len(l.list) > 0 {
			said += "; " + l.of + " " + strings.Join(l.list, ", ")
		}
	}
	return said
}

// File is the certificate's name, relative to the data folder.
func (c Certificate) File() string { return (&run{ID: c.ID, Begun: c.Begun}).file() + ".json" }

// certify writes the certificate, signed, and what it says as a text. The text is there first: where the signed
// one is, the certificate is whole.
func (r *Reaper) certify(run *run) (Certificate, error) {
	c := r.certificate(run)
	line, err := r.o.Key.Seal(&c, &c.Link)
	if err != nil {
		return c, fmt.Errorf("the certificate: %w", err)
	}
	if err := durable.Replace(r.root, run.file()+".txt", []byte(c.Text()), fileMode); err != nil {
		return c, fmt.Errorf("the certificate: %w", err)
	}
	r.o.step("told")
	if err := durable.Replace(r.root, run.file()+".json", line, fileMode); err != nil {
		return c, fmt.Errorf("the certificate: %w", err)
	}
	return c, nil
}

// Text is what a certificate says, for people.
func (c Certificate) Text() string {
	var b strings.Builder
	form := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	fmt.Fprintf(&b, "CERTIFICATE OF ERASURE %s\n\nserver %s\nbegun  %s\nended  %s\nsigned by key %s (the signed form is the file of the same name that ends with .json)\n",
		c.ID, c.Node, form(c.Begun), form(c.Ended), c.Key)
	fmt.Fprintf(&b, "\nRULES\n")
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	list := func(title string, all []Erasure) {
		fmt.Fprintf(&b, "\n%s: %d\n", title, len(all))
		for _, e := range all {
			fmt.Fprintf(&b, "  %s %s\n    path   %s\n    sha256 %s\n    class  %s, due since %s\n    rule   %s\n", e.Kind, e.ID, e.Path, e.SHA256, e.Class, form(e.Due), e.Rule)
			if e.By != "" {
				fmt.Fprintf(&b, "    order  %s with %s: %s\n", e.By, e.With, e.Why)
			}
		}
	}
	list("ERASED", c.Erased)
	fmt.Fprintf(&b, "\nHELD BACK: %d\n", len(c.Held))
	for _, k := range c.Held {
		fmt.Fprintf(&b, "  %s %s: %s\n", k.Kind, k.ID, k.Why)
	}
	if len(c.Stuck) > 0 {
		list("DECIDED BUT NOT TAKEN AWAY YET", c.Stuck)
	}
	return b.String()
}
