// Command render makes the clips of prompts/clips anew: the texts of catalogue.yaml spoken by
// espeak-ng, brought to one level and cut; the music and the tones computed. The same texts give
// the same files. Run it by `make prompts`, from the root of the repository.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"hotline/call"
	"hotline/prompts/sound"
)

//go:embed respell.yaml
var respellings []byte

// The synthesiser: its voice by language and its speed in words a minute.
var voices = map[string]string{"az": "az", "en": "en-gb", "ru": "ru"}

const speed = "145"

// What a clip is brought to: levels in dBov, times in seconds.
const (
	target  = -22.0 // active speech level (RFC 7874 §4)
	spread  = 3.0   // dB that a clip's gain may differ from its language's median
	top     = -3.0  // peak
	floor   = -55.0 // below is silence
	head    = 0.06
	tail    = 0.12
	cutLow  = 120.0 // Hz
	folder  = "prompts/clips"
	listing = "prompts/catalogue.yaml"
)

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render() error {
	body, err := os.ReadFile(listing)
	if err != nil {
		return fmt.Errorf("run from the root of the repository: %w", err)
	}
	var texts map[string]map[string]string
	if err := yaml.UnmarshalWithOptions(body, &texts, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", listing, err)
	}
	var respell map[string]map[string]string
	if err := yaml.Unmarshal(respellings, &respell); err != nil {
		return fmt.Errorf("respell.yaml: %w", err)
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for lang, voice := range voices {
		if err := renderLanguage(lang, voice, texts, respell[lang]); err != nil {
			return err
		}
	}
	for name, s := range map[string]sound.Sound{"music": music(), "tone.ok": toneOK(), "tone.error": toneError()} {
		if err := write(filepath.Join(folder, name+".wav"), s); err != nil {
			return err
		}
	}
	return nil
}

// renderLanguage speaks every text of one language and evens out their levels.
func renderLanguage(lang, voice string, texts map[string]map[string]string, respell map[string]string) error {
	keys := make([]string, 0, len(texts))
	for key := range texts {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	spoken := make(map[string]sound.Sound, len(keys))
	gains := make([]float64, 0, len(keys))
	for i, key := range keys {
		text, ok := texts[key][lang]
		if !ok {
			return fmt.Errorf("%s has no text in %s", key, lang)
		}
		s, err := speak(voice, phonemes(text, respell))
		if err != nil {
			return fmt.Errorf("%s in %s: %w", key, lang, err)
		}
		s = sound.Resample(sound.HighPass(s, cutLow), call.ClockRate)
		spoken[key] = s
		gains = append(gains, target-sound.ActiveLevel(s))
		fmt.Printf("\r%s %d/%d ", lang, i+1, len(keys))
	}
	fmt.Println()
	sorted := slices.Clone(gains)
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	for i, key := range keys {
		gain := min(max(gains[i], median-spread), median+spread)
		s := sound.Limit(sound.Gain(spoken[key], gain), top)
		if err := write(filepath.Join(folder, lang, key+".wav"), sound.Trim(s, floor, head, tail)); err != nil {
			return err
		}
	}
	return nil
}

// phonemes replaces the words that the voice reads wrongly.
func phonemes(text string, respell map[string]string) string {
	words := strings.Fields(text)
	for i, w := range words {
		bare := strings.Trim(w, ".,!?:;")
		if p, ok := respell[bare]; ok {
			words[i] = strings.Replace(w, bare, p, 1)
		}
	}
	return strings.Join(words, " ")
}

// speak runs the synthesiser. The text goes in a file: no shell, no quoting.
func speak(voice, text string) (sound.Sound, error) {
	dir, err := os.MkdirTemp("", "render")
	if err != nil {
		return sound.Sound{}, err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "text"), filepath.Join(dir, "out.wav")
	if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
		return sound.Sound{}, err
	}
	if answer, err := exec.Command("espeak-ng", "-v", voice, "-s", speed, "-f", in, "-w", out).CombinedOutput(); err != nil {
		return sound.Sound{}, fmt.Errorf("espeak-ng: %w: %s", err, answer)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		return sound.Sound{}, err
	}
	return sound.ReadWAV(file)
}

func write(path string, s sound.Sound) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, sound.WriteWAV(s.Rate, s.PCM()), 0o644)
}
