package phone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Options describe one telephone. The zero value is a phone on a free UDP port of 127.0.0.1
// that offers PCMA and PCMU and registers nowhere.
type Options struct {
	Listen    string // host:port of its signalling; "" is "127.0.0.1:0"
	Transport string // "udp", "tcp" or "tls"; "" is "udp"

	// TLS is how "tls" is spoken: what is trusted, and the phone's own certificate, which it needs
	// to be connected to. nil trusts the system.
	TLS *tls.Config

	User      string // the user part of its address, and the digest user; "" is "phone"
	Display   string // display name in From; "" for none
	Secret    string // digest password
	Server    string // host:port of the registrar; "" means that Register is an error
	Realm     string // host part of its address of record; "" is the host of Server, else its own
	Algorithm string // "MD5" or "SHA-256" takes only that challenge; "" the strongest offered

	Codec     string // offered codecs, best first: "PCMA", "PCMU", "PCMA,PCMU"; "" is both. "G729" and "G722" are offered but never spoken
	EventType int    // payload type offered for telephone-event; 0 is 101, -1 offers none
	ExtraSDP  string // appended to every offer, lines ending in CRLF: another m= line, say

	// PretendAddr is the host, or host:port, that the phone gives in Via, Contact and SDP
	// instead of its own: a phone behind a NAT that knows nothing of it.
	PretendAddr string
	// PretendMediaPort is the port it gives in SDP instead of its own; 0 is its own.
	PretendMediaPort int

	Manners  Manners
	Remember time.Duration     // how much of what it hears a call keeps; 0 is 5 minutes
	Trace    func(line string) // one line for each message and step, one at a time; may be nil
}

// Manners say how a phone breaks the rules. The zero value keeps them.
type Manners struct {
	Dead          bool // neither answers nor sends anything any more, sound included
	Deaf          bool // hears nothing: its loudspeaker is broken
	NoProvisional bool // sends neither 100 nor 180 for an INVITE
	NoRinging     bool // sends 100 but no 180 by itself
	RejectWith    int  // refuses every INVITE with this code at once; 0 does not

	NoAck     bool          // never acknowledges a 2xx
	AckDelay  time.Duration // acknowledges each 2xx this much later
	NoBye     bool          // does not answer a BYE
	NoOptions bool          // does not answer OPTIONS
	NoNotify  bool          // does not answer NOTIFY
	DoubleOK  bool          // sends its 200 to an INVITE twice at once
	ForkOK    bool          // follows its 200 with another of a different To tag, as two phones behind a fork do
	LateOK    bool          // answers a CANCEL and then the INVITE with 200, as if it had been picked up in that moment
	NoCancel  bool          // does not answer a CANCEL and goes on ringing

	EagerCancel bool // sends CANCEL without waiting for a provisional response
	HoldByZero  bool // holds with c=0.0.0.0 (RFC 2543) instead of a=sendonly

	NoRTP bool    // sends no sound packets
	Loss  float64 // share of its packets of sound that are lost on the way, 0 to 1, evenly spread
}

// Check reports what is wrong with the options.
func (o Options) Check() error {
	var errs []error
	if o.Listen != "" {
		host, _, err := net.SplitHostPort(o.Listen)
		if err != nil {
			errs = append(errs, fmt.Errorf("phone: listen: %w", err))
		} else if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			// It is what Via, Contact and SDP say.
			errs = append(errs, fmt.Errorf("phone: listen: %q is not the address of one interface", host))
		}
	}
	if o.Server != "" {
		if _, _, err := net.SplitHostPort(o.Server); err != nil {
			errs = append(errs, fmt.Errorf("phone: server: %w", err))
		}
	}
	switch o.Transport {
	case "", "udp", "tcp", "tls":
	default:
		errs = append(errs, fmt.Errorf("phone: transport: %q is none of udp, tcp and tls", o.Transport))
	}
	switch o.Algorithm {
	case "", "MD5", "SHA-256":
	default:
		errs = append(errs, fmt.Errorf("phone: algorithm: %q is neither MD5 nor SHA-256", o.Algorithm))
	}
	if _, err := codecList(o.Codec); err != nil {
		errs = append(errs, err)
	}
	if o.Manners.Loss < 0 || o.Manners.Loss > 1 {
		errs = append(errs, fmt.Errorf("phone: loss: %v is not between 0 and 1", o.Manners.Loss))
	}
	return errors.Join(errs...)
}

// withDefaults fills what was left empty.
func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Transport == "" {
		o.Transport = "udp"
	}
	if o.TLS == nil {
		o.TLS = &tls.Config{}
	}
	if o.User == "" {
		o.User = "phone"
	}
	if o.EventType == 0 {
		o.EventType = 101
	}
	if o.Remember == 0 {
		o.Remember = 5 * time.Minute
	}
	return o
}

// A Rejected error is a final response that is not 2xx.
type Rejected struct {
	Method string
	Code   int // 300 to 699
	Reason string
}

func (r *Rejected) Error() string {
	return fmt.Sprintf("%s answered %d %s", r.Method, r.Code, r.Reason)
}

// static payload types (RFC 3551 §6).
const (
	ptPCMU = 0
	ptPCMA = 8
	ptG722 = 9
	ptG729 = 18
)

var codecNames = [...]struct {
	pt   int
	name string
}{{ptPCMU, "PCMU"}, {ptPCMA, "PCMA"}, {ptG722, "G722"}, {ptG729, "G729"}}

func codecName(pt int) string {
	for _, c := range codecNames {
		if c.pt == pt {
			return c.name
		}
	}
	return ""
}

// codecList turns "PCMA,PCMU" into payload types.
func codecList(s string) ([]int, error) {
	if s == "" {
		return []int{ptPCMA, ptPCMU}, nil
	}
	var list []int
next:
	for _, name := range strings.Split(s, ",") {
		for _, c := range codecNames {
			if c.name == strings.ToUpper(strings.TrimSpace(name)) {
				list = append(list, c.pt)
				continue next
			}
		}
		return nil, fmt.Errorf("phone: codec: %q is not one of PCMA, PCMU, G722, G729", name)
	}
	return list, nil
}
