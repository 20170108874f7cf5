package drawing

import "strings"

// width is about how wide a text is in a sans-serif font of a size, in the same unit: rather too wide than too
// narrow, as nobody knows which font there will be.
func width(text string, size float64) float64 {
	var em float64
	for _, r := range text {
		em += wide(r)
	}
	return em * size
}

// letters are how wide letters are in DejaVu Sans, the widest of the fonts that the picture asks for, for a size
// of 1.
var letters = func() map[rune]float64 {
	all := map[rune]float64{}
	for _, group := range []struct {
		em   float64
		text string
	}{
		{0.28, "iljıIİ'"}, {0.33, " .,:;|!fJ"}, {0.41, "tr()-г"}, {0.54, "szck?"}, {0.60, "aeəvxyçşуксчзэхт"},
		{0.64, "bdghnopquğöü0123456789"}, {0.76, "мыдAVXKPBSЭCGOQЗСКВРОƏÇŞ"}, {0.88, "юфжNHDUÜÖMНП"}, {0.97, "mwшщМWШЩЖЮЫФ…"},
	} {
		for _, r := range group.text {
			all[r] = group.em
		}
	}
	return all
}()

func wide(r rune) float64 {
	if em, ok := letters[r]; ok {
		return em
	}
	return 0.66
}

// wrap divides a text into lines of a width, and cuts it off after some.
func wrap(text string, size, room float64, most int) (lines []string) {
	line := ""
	words := strings.Fields(text)
	for i, w := range words {
		longer := strings.TrimSpace(line + " " + w)
		switch {
		case line == "" || width(longer, size) <= room:
			line = longer
			continue
		case len(lines) == most-1:
			return append(lines, cut(line+" "+strings.Join(words[i:], " "), size, room))
		}
		lines, line = append(lines, line), w
	}
	if line != "" {
		lines = append(lines, cut(line, size, room))
	}
	return lines
}

// cut shortens a line that is too wide.
func cut(line string, size, most float64) string {
	if width(line, size) <= most {
		return line
	}
	sum := wide('…') * size
	for i, r := range line {
		if sum += wide(r) * size; sum > most {
			return strings.TrimRight(line[:i], " ,.") + "…"
		}
	}
	return line
}
