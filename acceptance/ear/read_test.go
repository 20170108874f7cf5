package ear

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// wav builds a WAV file. endless leaves the sizes as a writer does that is still at work.
func wav(tag, channels, hz, bits int, data []byte, endless bool) []byte {
	le := binary.LittleEndian
	size := uint32(len(data))
	if endless {
		size = 0xFFFFFFFF
	}
	b := append([]byte("RIFF"), 0xFF, 0xFF, 0xFF, 0xFF)
	b = append(b, "WAVEfact\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00"...) // an odd chunk before it
	b = le.AppendUint16(b, uint16(tag))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(hz))
	b = le.AppendUint32(b, uint32(hz*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = le.AppendUint32(append(b, "data"...), size)
	return append(b, data...)
}

func TestReadWAV(t *testing.T) {
	for _, c := range []struct {
		name  string
		file  []byte
		want  Recording
		fault string
	}{
		{"16 bits", wav(1, 1, 8000, 16, []byte{1, 0, 0xFF, 0xFF}, false), Recording{{1, -1}}, ""},
		{"A-law", wav(6, 1, 8000, 8, []byte{0xD5, 0x55, 0x2A, 0xAA}, false), Recording{{8, -8, -32256, 32256}}, ""},
		{"µ-law", wav(7, 1, 8000, 8, []byte{0xFF, 0x7F, 0x80, 0x00}, false), Recording{{0, 0, 32124, -32124}}, ""},
		{"a recording that still grows, its last sample half written", wav(1, 2, 8000, 16, []byte{1, 0, 2, 0, 3, 0, 4, 0, 5}, true), Recording{{1, 3}, {2, 4}}, ""},
		{"stereo A-law", wav(6, 2, 8000, 8, []byte{0xD5, 0x55}, true), Recording{{8}, {-8}}, ""},
		{"no sound yet", wav(1, 2, 8000, 16, nil, true), Recording{{}, {}}, ""},
		{"another rate", wav(1, 1, 16000, 16, nil, false), nil, "16000 Hz; the ear hears 8000"},
		{"24 bits", wav(1, 1, 8000, 24, nil, false), nil, "24 bits of format 1; the ear reads 16"},
		{"no channels", wav(1, 0, 8000, 16, nil, false), nil, "0 channels"},
		{"no WAV", []byte("OggS and so on, as others write"), nil, "no WAV file"},
		{"cut in its head", wav(1, 1, 8000, 16, nil, false)[:40], nil, "no data"},
		{"nothing", nil, nil, "no WAV file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := written(t, "f.wav", c.file)
			got, err := ReadWAV(path)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want an error with %q", err, c.fault)
				}
				return
			}
			if err != nil || !slices.EqualFunc(got, c.want, slices.Equal) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func written(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadG711(t *testing.T) {
	got, err := ReadG711(written(t, "f.alaw", []byte{0xD5, 0x55}), ALaw)
	if err != nil || !slices.Equal(got, []int16{8, -8}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLoadRefusesWhatItCannotHear(t *testing.T) {
	for _, c := range []struct {
		name, fault string
		file        []byte
	}{
		{"silence", "silent", wav(1, 1, 8000, 16, make([]byte, 8000), false)},
		{"two channels", "2 channels, an original has one", wav(1, 2, 8000, 16, make([]byte, 8000), false)},
		{"no WAV", "no WAV file", []byte("text")},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := written(t, "az/bad.wav", c.file)
			_, err := Load(filepath.Dir(filepath.Dir(path)))
			if err == nil || !strings.Contains(err.Error(), c.fault) || !strings.Contains(err.Error(), "bad.wav") {
				t.Errorf("got %v, want an error with %q", err, c.fault)
			}
		})
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no .wav below") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Load("/nowhere"); err == nil {
		t.Error("a folder that is not there")
	}
}

// Two keys may have the very same sound; then both are named, also over languages.
func TestSameSoundIsAllItsNames(t *testing.T) {
	o := shipped(t).originals[0]
	var data []byte
	for _, v := range o.pcm {
		data = binary.LittleEndian.AppendUint16(data, uint16(v))
	}
	dir := t.TempDir()
	for _, name := range []string{"az/two.wav", "az/one.wav", "ru/one.wav"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, wav(1, 1, 8000, 16, data, false), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	heard := e.Hear(slices.Concat(make([]int16, 4000), o.pcm, make([]int16, 4000)))
	if len(heard) != 1 {
		t.Fatalf("heard %v", heard)
	}
	h := heard[0]
	if h.Key != "one" || h.Language != "az" || !slices.Equal(h.Keys, []string{"one", "two"}) || !h.Is("ru/one") || h.Is("ru/two") || len(e.Names()) != 3 {
		t.Errorf("heard %+v of %v", h, e.Names())
	}
}

// A captured is one datagram for a capture.
type captured struct {
	at       time.Duration
	from, to string
	data     []byte
}

// rtp makes n packets of A-law, 20 ms each, whose samples are all the number of the packet's place.
func rtp(to string, ssrc uint32, seq uint16, ts uint32, places ...int) (all []captured) {
	for _, i := range places {
		b := []byte{0x80, 8}
		b = binary.BigEndian.AppendUint16(b, seq+uint16(i))
		b = binary.BigEndian.AppendUint32(b, ts+uint32(i*packet))
		b = binary.BigEndian.AppendUint32(b, ssrc)
		b = append(b, bytes.Repeat([]byte{0xD5 ^ byte(i)}, packet)...)
		from := "192.0.2.1:20000"
		if to[0] == '[' {
			from = "[2001:db8::1]:20000"
		}
		all = append(all, captured{time.Duration(i) * 20 * time.Millisecond, from, to, b})
	}
	return all
}

// wrapped is the datagram in UDP, IP and the header of the link.
func (c captured) wrapped(link uint32) []byte {
	from, to := netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.to)
	be := binary.BigEndian
	udp := be.AppendUint16(nil, from.Port())
	udp = be.AppendUint16(udp, to.Port())
	udp = be.AppendUint16(udp, uint16(8+len(c.data)))
	udp = append(be.AppendUint16(udp, 0), c.data...)
	var ip []byte
	if to.Addr().Is4() {
		ip = append([]byte{0x46, 0}, byte((24+len(udp))>>8), byte(24+len(udp)), 0, 0, 0x40, 0, 64, 17, 0, 0)
		ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
		ip = append(ip, 1, 1, 1, 0) // an option
	} else {
		ip = append([]byte{0x60, 0, 0, 0}, byte(len(udp)>>8), byte(len(udp)), 17, 64)
		ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	}
	head := map[uint32]int{linkEthernet: 14, linkCooked: 16, linkCooked2: 20, linkNull: 4, linkRaw: 0}[link]
	return slices.Concat(make([]byte, head), ip, udp)
}

// pcap and pcapng write a capture in either order of bytes.
func pcap(order binary.AppendByteOrder, link uint32, list []captured) []byte {
	b := order.AppendUint32(nil, magicMicro)
	for _, v := range []uint32{0x00040002, 0, 0, 65535, link} {
		b = order.AppendUint32(b, v)
	}
	for _, c := range list {
		data := c.wrapped(link)
		b = order.AppendUint32(b, 1000+uint32(c.at/time.Second))
		b = order.AppendUint32(b, uint32(c.at%time.Second/time.Microsecond))
		b = order.AppendUint32(b, uint32(len(data)))
		b = append(order.AppendUint32(b, uint32(len(data))), data...)
	}
	return b
}

func pcapng(order binary.AppendByteOrder, link uint32, list []captured) []byte {
	block := func(b []byte, kind uint32, body []byte) []byte {
		body = append(body, make([]byte, -len(body)&3)...)
		b = order.AppendUint32(b, kind)
		b = order.AppendUint32(b, uint32(12+len(body)))
		return order.AppendUint32(append(b, body...), uint32(12+len(body)))
	}
	section := order.AppendUint32(nil, magicNGByte)
	b := block(nil, magicNG, append(section, make([]byte, 12)...))
	inter := append(order.AppendUint16(nil, uint16(link)), make([]byte, 6)...)
	inter = append(order.AppendUint16(inter, ngResolution), make([]byte, 2)...)
	order.(binary.ByteOrder).PutUint16(inter[10:], 1)
	b = block(b, ngInterfaceBlock, append(inter, 9, 0, 0, 0, 0, 0, 0, 0)) // nanoseconds, then the end of the options
	b = block(b, 5, make([]byte, 12))                                     // statistics, which nobody asked for
	for _, c := range list {
		data := c.wrapped(link)
		at := uint64(1000*time.Second + c.at)
		body := make([]byte, 4)
		body = order.AppendUint32(body, uint32(at>>32))
		body = order.AppendUint32(body, uint32(at))
		body = order.AppendUint32(body, uint32(len(data)))
		body = append(order.AppendUint32(body, uint32(len(data))), data...)
		b = block(b, ngPacketBlock, body)
	}
	return b
}

func TestCaptures(t *testing.T) {
	const port = "192.0.2.9:6000"
	stray := []captured{{0, "192.0.2.1:5060", port, []byte("OPTIONS sip:a@example.org SIP/2.0\r\n\r\n")}}
	for _, c := range []struct {
		name    string
		packets []captured
		want    []int // place of each 20 ms, -1 is silence
		lost    int
		fault   string
	}{
		{"in order", rtp(port, 7, 100, 0, 0, 1, 2, 3, 4), []int{0, 1, 2, 3, 4}, 0, ""},
		{"numbers that wrap", rtp(port, 7, 65534, 0xFFFFFF00, 0, 1, 2, 3, 4), []int{0, 1, 2, 3, 4}, 0, ""},
		{"late and twice", rtp(port, 7, 65534, 0, 0, 2, 1, 3, 2, 5, 4), []int{0, 1, 2, 3, 4, 5}, 0, ""},
		{"a late packet before all others", rtp(port, 7, 0, 0, 1, 0, 2, 3, 4), []int{0, 1, 2, 3, 4}, 0, ""},
		{"two are lost", rtp(port, 7, 100, 0, 0, 1, 4, 5, 6), []int{0, 1, -1, -1, 4, 5, 6}, 2, ""},
		{"a pause that was marked by the clock alone", append(rtp(port, 7, 100, 0, 0, 1, 2), rtp(port, 7, 100-2, 0, 5, 6, 7)...), []int{0, 1, 2, -1, -1, 5, 6, 7}, 0, ""},
		{"a clock that began anew", append(rtp(port, 7, 100, 0, 0, 1, 2), rtp(port, 7, 100, 1<<30, 3, 4, 5)...), []int{0, 1, 2, 3, 4, 5}, 0, ""},
		{"other things to the port", append(stray, rtp(port, 7, 100, 0, 0, 1, 2, 3, 4)...), []int{0, 1, 2, 3, 4}, 0, ""},
		{"IPv6", rtp("[2001:db8::9]:6000", 7, 100, 0, 0, 1, 2, 3, 4), []int{0, 1, 2, 3, 4}, 0, ""},
		{"another port", rtp("192.0.2.9:6002", 7, 100, 0, 0, 1, 2, 3, 4), nil, 0, "no G.711 went to port 6000"},
		{"too little", rtp(port, 7, 100, 0, 0, 1), nil, 0, "no G.711"},
		{"two calls", append(rtp(port, 7, 100, 0, 0, 1, 2, 3, 4), rtp(port, 8, 100, 0, 0, 1, 2, 3, 4)...), nil, 0, "2 streams"},
	} {
		for name, file := range map[string][]byte{
			"pcap":                  pcap(binary.LittleEndian, linkEthernet, c.packets),
			"pcap of a big machine": pcap(binary.BigEndian, linkCooked, c.packets),
			"pcap of raw packets":   pcap(binary.LittleEndian, linkRaw, c.packets),
			"pcapng":                pcapng(binary.LittleEndian, linkCooked2, c.packets),
			"pcapng, big":           pcapng(binary.BigEndian, linkNull, c.packets),
		} {
			t.Run(c.name+", "+name, func(t *testing.T) {
				pcm, err := FromPCAP(written(t, "call.pcap", file), 6000)
				if c.fault != "" {
					if err == nil || !strings.Contains(err.Error(), c.fault) {
						t.Errorf("got %v, want an error with %q", err, c.fault)
					}
					return
				}
				if got := placesIn(pcm); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("heard %v, %v, want %v", got, err, c.want)
				}
			})
		}
	}
}

// placesIn tells the packets of rtp from their samples, -1 is silence.
func placesIn(pcm []int16) (places []int) {
	for i := 0; i < len(pcm); i += packet {
		place := -1
		for p := range 8 {
			if pcm[i] == alawPCM[0xD5^byte(p)] {
				place = p
			}
		}
		places = append(places, place)
	}
	return places
}

// What is told of a stream, and a capture whose writer was stopped within its last packet.
func TestStreams(t *testing.T) {
	list := append(rtp("192.0.2.9:6000", 7, 100, 0, 0, 1, 3, 3, 4, 5), rtp("192.0.2.9:6002", 8, 100, 0, 0, 1, 2, 3, 4, 5)...)
	for i := range list[6:] {
		list[6+i].at += time.Second
	}
	for name, file := range map[string][]byte{"pcap": pcap(binary.LittleEndian, linkEthernet, list), "pcapng": pcapng(binary.LittleEndian, linkEthernet, list)} {
		t.Run(name, func(t *testing.T) {
			all, err := Streams(written(t, "call.pcap", file[:len(file)-1]))
			if err != nil || len(all) != 2 {
				t.Fatalf("got %v, %v", all, err)
			}
			a, b := all[0], all[1]
			if a.Packets != 5 || a.Lost != 1 || a.SSRC != 7 || a.To.Port() != 6000 || a.From.String() != "192.0.2.1:20000" || !a.At.Equal(time.Unix(1000, 0)) {
				t.Errorf("got %v at %v", a, a.At)
			}
			if b.Packets != 5 || b.Lost != 0 || !b.At.Equal(time.Unix(1001, 0)) {
				t.Errorf("got %v at %v", b, b.At)
			}
		})
	}
}

func TestWhatIsNoCapture(t *testing.T) {
	for _, file := range []string{"", "short", "RIFF and then quite a lot of something else"} {
		if _, err := Streams(written(t, "f", []byte(file))); err == nil || !strings.Contains(err.Error(), "no capture") {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// Whatever a capture holds, reading it ends, and no stream is longer than its packets and pauses.
func FuzzStreams(f *testing.F) {
	list := rtp("192.0.2.9:6000", 7, 100, 0, 0, 1, 3, 4, 5, 6)
	f.Add(pcap(binary.LittleEndian, linkEthernet, list))
	f.Add(pcapng(binary.BigEndian, linkCooked2, list))
	f.Add(pcap(binary.BigEndian, linkRaw, rtp("[2001:db8::9]:6000", 7, 100, 0, 0, 1, 2, 3, 4)))
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := streams(file)
		if err != nil && all != nil {
			t.Error("streams and an error")
		}
		for _, s := range all {
			if s.Packets < fewest || s.Lost < 0 || len(s.PCM) > len(file)+s.Packets*samplesIn(longestPause) {
				t.Errorf("%v from %d bytes", s, len(file))
			}
		}
	})
}

func FuzzWAV(f *testing.F) {
	f.Add(wav(1, 2, 8000, 16, []byte{1, 0, 2, 0, 3, 0, 4, 0, 5}, true))
	f.Add(wav(tagExtensible, 1, 8000, 8, []byte{1, 2}, false))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := parseWAV(file)
		if (err == nil) != (len(r) > 0) {
			t.Errorf("%d channels, %v", len(r), err)
		}
		for _, c := range r {
			if len(c) != len(r[0]) || len(c) > len(file) {
				t.Errorf("channels of %d and %d samples from %d bytes", len(r[0]), len(c), len(file))
			}
		}
	})
}
