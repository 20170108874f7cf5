package media

import (
	"testing"

	"hotline/call"
)

// Points of G.711 tables 1 and 2 that anybody can look up.
func TestG711KnownPoints(t *testing.T) {
	for _, c := range []struct {
		b     byte
		a, mu int16
	}{
		{0xD5, 8, 716}, {0x55, -8, -716}, {0xAA, 32256, 5372}, {0x2A, -32256, -5372},
		{0xFF, 848, 0}, {0x7F, -848, 0}, {0x80, 5504, 32124}, {0x00, -5504, -32124},
	} {
		if got := DecodeALaw(c.b); got != c.a {
			t.Errorf("A-law %#x is %d, want %d", c.b, got, c.a)
		}
		if got := DecodeMuLaw(c.b); got != c.mu {
			t.Errorf("µ-law %#x is %d, want %d", c.b, got, c.mu)
		}
	}
	if EncodeALaw(0) != 0xD5 || EncodeMuLaw(0) != 0xFF {
		t.Errorf("silence is %#x and %#x", EncodeALaw(0), EncodeMuLaw(0))
	}
}

// Each byte must survive decoding and encoding, or a recording would not be what was heard.
func TestG711RoundTrip(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		if got := EncodeALaw(DecodeALaw(b)); got != b {
			t.Errorf("A-law %#x comes back as %#x", b, got)
		}
		want := b
		if b == 0x7F { // µ-law has two zeros
			want = 0xFF
		}
		if got := EncodeMuLaw(DecodeMuLaw(b)); got != want {
			t.Errorf("µ-law %#x comes back as %#x", b, got)
		}
	}
}

// A sample may be wrong by half an interval of its segment at most (G.711 tables 1 and 2), but
// for µ-law's loudest, which are cut.
func TestG711Error(t *testing.T) {
	for s := -32768; s < 32768; s++ {
		b := EncodeALaw(int16(s))
		half := 8 << max(int((b^0x55)>>4&7)-1, 0)
		if got := int(DecodeALaw(b)); abs(got-s) > half {
			t.Fatalf("A-law: %d became %d", s, got)
		}
		b = EncodeMuLaw(int16(s))
		half = 4 << ((^b) >> 4 & 7)
		if got := int(DecodeMuLaw(b)); abs(got-s) > half && abs(s) < 32636 {
			t.Fatalf("µ-law: %d became %d", s, got)
		}
	}
}

func TestDecodeEncodeSlices(t *testing.T) {
	for _, c := range []call.Codec{call.PCMA, call.PCMU} {
		in := []byte{0xD5, 0x2A, 0x91, 0x80}
		pcm, out := make([]int16, 3), make([]byte, 9)
		if n := Decode(pcm, in, c); n != 3 {
			t.Errorf("%d samples decoded into a slice of 3", n)
		}
		if n := Encode(out, pcm, c); n != 3 || string(out[:3]) != string(in[:3]) {
			t.Errorf("%d bytes encoded: %x", n, out[:3])
		}
	}
}

func TestTranscode(t *testing.T) {
	p := []byte{0xD5, 0x2A, 0xAA}
	Transcode(p, call.PCMA, call.PCMU)
	if p[0] != EncodeMuLaw(8) || p[1] != EncodeMuLaw(-32256) || p[2] != EncodeMuLaw(32256) {
		t.Errorf("transcoded to %x", p)
	}
	Transcode(p, call.PCMU, call.PCMU)
	if p[1] != EncodeMuLaw(-32256) {
		t.Error("the same codec must change nothing")
	}
	if Silence(call.PCMA) != EncodeALaw(0) || Silence(call.PCMU) != EncodeMuLaw(0) {
		t.Error("silence is not zero")
	}
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
