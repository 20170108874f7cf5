//go:build acceptance

package acceptance

import (
	"encoding/binary"
	"os/exec"
	"testing"
	"time"

	"hotline/phone"
)

// Who waits hears the place in the queue by telephone: the second that they are number two, and as
// soon as the first has an operator, that they are next. The clips are told apart by their sound.
func TestACallerHearsThePlace(t *testing.T) {
	s := newServer(t, "queues: [{name: general, wrap_up: 0s, say_every: 20s}]")
	s.addOperator("aysel", "az,en,ru")
	s.start()
	op := s.operatorPhone("aysel")
	c, taken := s.talk(s.citizen(), op)
	first := s.queued(s.citizen())
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
	second := s.queued(s.citizen())
	s.becomes(`hotline_queue_waiting{queue="general"}`, 2)
	s.heardClip(second, "queue.position.2", 0)
	said := len(heardPCM(second))
	s.hangUp(c) // the first is served, the second moves up
	s.over(taken)
	taken = s.rung(op)
	s.together(first, taken, 1000)
	s.heardClip(second, "queue.next", said)
	if _, likeness := phone.Sound(heardPCM(second)[said:]).Find(clipSound(t, "queue.position.2")); likeness > 0.8 {
		t.Errorf("after moving up the caller hears the old place again, likeness %.2f", likeness)
	}
	s.hangUp(second)
	s.hangUp(first)
	s.over(taken)
}

func heardPCM(c *phone.Call) []int16 {
	pcm, _ := c.Media().HeardPCM()
	return pcm
}

// clipSound is a clip that we ship, in English, as a program that is not ours reads it.
func clipSound(t testing.TB, key string) (pcm []int16) {
	t.Helper()
	out, err := exec.Command("sox", "../prompts/clips/en/"+key+".wav", "-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", "-").Output()
	if err != nil {
		t.Fatalf("sox: %v", err)
	}
	for ; len(out) > 1; out = out[2:] {
		pcm = append(pcm, int16(binary.LittleEndian.Uint16(out)))
	}
	return pcm
}

// heardClip demands that the caller hears a clip within a minute, behind so many samples.
func (s *server) heardClip(c *phone.Call, key string, behind int) {
	s.t.Helper()
	clip := clipSound(s.t, key)
	likeness := 0.0
	eventually(s.t, 70*time.Second, "the caller hears "+key, func() bool {
		pause(s.t, time.Second)
		pcm := heardPCM(c)
		_, likeness = phone.Sound(pcm[max(behind, len(pcm)-20*8000):]).Find(clip) // the last seconds are enough
		return likeness >= 0.8
	})
	s.t.Logf("%s is heard, likeness %.2f", key, likeness)
}
