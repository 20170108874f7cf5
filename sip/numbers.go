package sip

import "strings"

// Numbers says how numbers are read where we are (ITU-T E.164 §6, national dialling plan).
type Numbers struct {
	Country       string // country code, "994"
	National      string // prefix of a number in the country, "0"
	International string // prefix of one elsewhere, "00"
}

// shortNumber is the most digits of a number that is dialled as it is, everywhere: 919, 112.
const shortNumber = 5

// E164 is a number with + and country code where what was dialled says which, else what was
// dialled without the signs that people write between digits.
func (p Numbers) E164(dialled string) string {
	n := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/", r) {
			return -1
		}
		return r
	}, dialled)
	digits := strings.TrimPrefix(n, "+")
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return n
	case n != digits, len(n) <= shortNumber:
		return n
	}
	if rest, ok := strings.CutPrefix(n, p.International); ok && p.International != "" && rest != "" {
		return "+" + rest
	}
	if rest, ok := strings.CutPrefix(n, p.National); ok && p.National != "" && p.Country != "" && rest != "" {
		return "+" + p.Country + rest
	}
	if p.Country != "" && strings.HasPrefix(n, p.Country) && len(n) >= len(p.Country)+8 {
		return "+" + n
	}
	return n
}

// The forms in which a carrier may want numbers.
const (
	formE164     = "e164"
	formNational = "national"
	formAsIs     = "as-is"
)

// write is a number as a carrier wants it.
func (p Numbers) write(number, form string) string {
	switch form {
	case formAsIs:
		return number
	case formNational:
		n := p.E164(number)
		rest, full := strings.CutPrefix(n, "+")
		if !full {
			return n
		}
		if home, ok := strings.CutPrefix(rest, p.Country); ok && p.Country != "" {
			return p.National + home
		}
		return p.International + rest
	}
	return p.E164(number)
}
