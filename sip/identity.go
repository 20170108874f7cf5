package sip

import (
	"strings"

	"hotline/call"
)

// maxNumber bounds what we take for a caller's number. E.164 has 15 digits; users of SIP have names.
const maxNumber = 64

// maxAsserted is how many P-Asserted-Identity values a message may have: a SIP and a tel URI
// (RFC 3325 §9.1). One with more was not written by a carrier.
const maxAsserted = 2

// caller is the caller's number and whether it is withheld, of a carrier's INVITE: nobody else's
// word on it is read. P-Asserted-Identity is worth more than From, which the caller may have
// written (RFC 3325 §9.1); what stands in P-Preferred-Identity is worth nothing.
func caller(r *request) (n call.Number, withheld bool) {
	for _, p := range r.draft.list("Privacy") {
		for _, v := range strings.Split(p, ";") {
			switch strings.ToLower(strings.TrimSpace(v)) {
			case "id", "user", "header": // RFC 3323 §4.2, RFC 3325 §9.3
				withheld = true
			}
		}
	}
	user := userOf(&r.From().Address)
	host := strings.ToLower(r.From().Address.Host)
	if strings.EqualFold(user, "anonymous") || host == "anonymous.invalid" {
		withheld, user = true, ""
	}
	if asserted := r.draft.list("P-Asserted-Identity"); len(asserted) <= maxAsserted {
		for _, v := range asserted {
			if u := userOfAddress(v); u != "" && !strings.EqualFold(u, "anonymous") {
				user = u
				break
			}
		}
	}
	if len(user) > maxNumber {
		user = ""
	}
	return call.Number(user), withheld
}

// diverted is the number that a call was meant for before somebody sent it on to us: the oldest
// Diversion (RFC 5806 §4: each diverting server writes above the last), else the first entry of
// History-Info (RFC 7044 §5), which has more than one only if the call was sent on.
func diverted(d *draft) call.Number {
	user := ""
	if list := d.list("Diversion"); len(list) > 0 {
		user = userOfAddress(list[len(list)-1])
	} else if list := d.list("History-Info"); len(list) > 1 && paramOf(list[0], "index") == "1" {
		user = userOfAddress(list[0])
	}
	if len(user) > maxNumber {
		user = ""
	}
	return call.Number(user)
}
