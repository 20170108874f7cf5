// Listen prints which clips were heard in a recording, with their times.
//
//	go run ./acceptance/ear/listen FILE...
//
// FILE is a WAV, of which every channel is listened to, a capture (.pcap, .pcapng), of which every
// stream is, or bare G.711 (.alaw, .ulaw).
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hotline/acceptance/ear"
)

func main() {
	clips := flag.String("clips", "prompts/clips", "the folder of the originals")
	port := flag.Int("port", 0, "of a capture, only what went to this UDP port")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: listen [-clips FOLDER] [-port N] FILE...")
		os.Exit(2)
	}
	if err := listen(*clips, *port, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "listen:", err)
		os.Exit(1)
	}
}

func listen(clips string, port int, files []string) error {
	e, err := ear.Load(clips)
	if err != nil {
		return err
	}
	for _, file := range files {
		sounds, err := read(file, port)
		if err != nil {
			return err
		}
		for _, s := range sounds {
			fmt.Println(s.name)
			for _, h := range e.Hear(s.pcm) {
				fmt.Println(h)
			}
		}
	}
	return nil
}

// A sound is what one ear hears.
type sound struct {
	name string
	pcm  []int16
}

func read(file string, port int) (all []sound, err error) {
	law := ear.MuLaw
	switch strings.ToLower(filepath.Ext(file)) {
	case ".pcap", ".pcapng":
		streams, err := ear.Streams(file)
		for _, s := range streams {
			if port == 0 || int(s.To.Port()) == port {
				all = append(all, sound{fmt.Sprint(file, ": ", s), s.PCM})
			}
		}
		return all, err
	case ".alaw", ".al":
		law = ear.ALaw
		fallthrough
	case ".ulaw", ".ul":
		pcm, err := ear.ReadG711(file, law)
		return []sound{{file, pcm}}, err
	}
	r, err := ear.ReadWAV(file)
	for i, pcm := range r {
		all = append(all, sound{fmt.Sprintf("%s: channel %d", file, i+1), pcm})
	}
	return all, err
}
