package sip

import "testing"

var baku = Numbers{Country: "994", National: "0", International: "00"}

func TestReadingNumbers(t *testing.T) {
	for dialled, want := range map[string]string{
		"0125550100":          "+994125550100",
		"00994125550100":      "+994125550100",
		"994125550100":        "+994125550100",
		"+994125550100":       "+994125550100",
		"+994 (12) 555-01-00": "+994125550100",
		"012/555.01.00":       "+994125550100",
		"0049301234567":       "+49301234567",
		"+49301234567":        "+49301234567",
		"012919":              "+99412919",
		"919":                 "919",
		"112":                 "112",
		"99412":               "99412", // so short a number is dialled as it is
		"5550100":             "5550100",
		"+":                   "+",
		"":                    "",
		"anar":                "anar",
		"*21*0125550100#":     "*21*0125550100#",
		"0125550100;phone":    "0125550100;phone",
		"٠١٢٥٥٥٠١٠٠":          "٠١٢٥٥٥٠١٠٠", // digits, but none that a carrier dials
	} {
		if got := baku.E164(dialled); got != want {
			t.Errorf("%q is read %q, want %q", dialled, got, want)
		}
	}
	if got := (Numbers{}).E164("0125550100"); got != "0125550100" {
		t.Errorf("without a plan a number became %q", got)
	}
}

func TestWritingNumbers(t *testing.T) {
	for _, c := range []struct{ number, e164, national string }{
		{"+994125550100", "+994125550100", "0125550100"},
		{"0125550100", "+994125550100", "0125550100"},
		{"+49301234567", "+49301234567", "0049301234567"},
		{"112", "112", "112"},
	} {
		for form, want := range map[string]string{"": c.e164, formE164: c.e164, formNational: c.national, formAsIs: c.number} {
			if got := baku.write(c.number, form); got != want {
				t.Errorf("%s as %q is %s, want %s", c.number, form, got, want)
			}
		}
	}
}
