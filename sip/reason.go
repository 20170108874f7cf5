package sip

import (
	"strconv"
	"strings"
)

// elsewhere tells a telephone that another one has taken the call: it shows no missed call
// (RFC 3326 §2).
const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// reasonOf is a Reason header (RFC 3326) as an extra line, none for an empty value.
func reasonOf(value string) []string {
	if value == "" {
		return nil
	}
	return []string{"Reason: " + clean(value)}
}

// q850 is the cause of ITU-T Q.850 in the Reason headers of a message, 0 if there is none.
func q850(d *draft) int {
	for _, v := range d.list("Reason") {
		if protocol, _, _ := strings.Cut(v, ";"); !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
			continue
		}
		if n, err := strconv.Atoi(paramOf(v, "cause")); err == nil && n > 0 && n < 128 {
			return n
		}
	}
	return 0
}
