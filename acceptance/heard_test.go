//go:build acceptance

package acceptance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"hotline/acceptance/ear"
	"hotline/phone"
)

// originals are the clips that ship.
func originals(t testing.TB) *ear.Ear {
	t.Helper()
	e, err := ear.Load("../prompts/clips")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// heardIn is what was heard in some sound, told in the log.
func heardIn(t testing.TB, e *ear.Ear, where string, pcm []int16) (names []string) {
	t.Helper()
	for _, h := range e.Hear(pcm) {
		t.Logf("%s: %s", where, h)
		names = append(names, h.Names[0].String())
	}
	return names
}

// Whoever listens hears the same clips in the same order: a capture of what sipp was sent, our
// recording, and our telephone by µ-law; and the operator's softphone hears what is for operators.
func TestAllEarsHearTheSame(t *testing.T) {
	e := originals(t)
	s := newServer(t)
	s.addOperator("aysel", "az,en,ru")
	s.start()
	operator := newBaresip(t, "aysel", s.secrets["aysel"], "127.0.0.1:5070", 10000)
	passing := capturing(t, "udp portrange 7000-7001")
	talk := 13 * time.Second // greeting, notice, and the first word of the queue
	sipp(t, sippOptions{
		scenario: "citizen", port: 6000, bound: talk + 20*time.Second, args: []string{"-d", fmt.Sprint(talk.Milliseconds())},
		pcap: func(path string) { writePcap(t, path, 440, talk-time.Second, press{5 * time.Second, '2'}) },
	}).good(t)
	passing.mark("the capture ends")
	passing.stop()
	sent, err := ear.FromPCAP(passing.file, 7000)
	if err != nil {
		t.Fatal(err)
	}
	bySipp := heardIn(t, e, "sipp", sent)
	sound, err := ear.ReadWAV(s.sound(s.lastRecord()))
	if err != nil {
		t.Fatal(err)
	}
	inRecording := heardIn(t, e, "the recording", sound[1])
	whisper, err := ear.ReadWAV(operator.heard(t))
	if err != nil {
		t.Fatal(err)
	}
	byOperator := heardIn(t, e, "the operator", whisper[0])

	c := s.dial(s.citizen(func(o *phone.Options) { o.Codec = "PCMU" }))
	time.Sleep(5 * time.Second) // it listens as long as sipp does
	s.press(c, "2")
	time.Sleep(talk - 5*time.Second)
	pcm, _ := c.Media().Timeline()
	byPhone := heardIn(t, e, "the telephone", pcm)
	s.hangUp(c)

	if len(bySipp) == 0 || !slices.Equal(bySipp, inRecording) || !slices.Equal(bySipp, byPhone) || len(byOperator) == 0 {
		t.Errorf("sipp heard %q, the recording has %q, the telephone heard %q, the operator %q", bySipp, inRecording, byPhone, byOperator)
	}
}
