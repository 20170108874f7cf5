package status

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// Options are what a Connector is made of. Nothing is filled in: a value that makes no sense is an
// error. Only Zone, Own, Log, Metrics and Now may be left out, and everything where URL is empty but Daily.
type Options struct {
	URL         string         // of the outside system; empty: there is none
	Token       string         // sent as a bearer (RFC 6750); empty: none is
	CA          string         // path of a PEM file: who signs the system's certificate; empty: the machine's authorities
	Certificate string         // path of a PEM file, leaf first: who we are; empty: we do not say
	Key         string         // that belongs to it
	Timeout     time.Duration  // 100 ms to 30 s, for a whole question: connecting, the answer and its body
	Cache       time.Duration  // how old an answer may be that is told when the system is away; 0: none is
	Daily       int            // questions a day and caller's number, 1 to 1,000
	Zone        *time.Location // whose midnight begins a day, and whose days dates are; nil: UTC

	// Own is asked first: it knows the hotline's own cases. mine says whether the question is about
	// one; its error is then ErrNoApplication if the second secret does not fit. nil: there are none.
	Own func(ctx context.Context, q call.StatusQuestion) (s call.Standing, mine bool, err error)

	Log     *zap.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// The bounds of Options.
const (
	leastTimeout = 100 * time.Millisecond
	mostTimeout  = 30 * time.Second // a caller listens to nothing meanwhile
	mostCache    = 30 * 24 * time.Hour
	mostDaily    = 1000
)

// A Fault is one thing that is wrong with Options, under the key that the configuration file has for it.
type Fault struct {
	Key     string // such as status.url
	Problem string
	Want    string // what would be right
}

// Error is all of it in one line.
func (f Fault) Error() string { return f.Key + ": " + f.Problem + ", " + f.Want }

// token68 is what may stand behind "Bearer" (RFC 6750 §2.1).
var token68 = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// Check says what is wrong, files included. It asks nobody.
func (o Options) Check() []Fault {
	faults := o.values()
	if o.CA != "" {
		if _, err := readPool(o.CA); err != nil {
			faults = append(faults, Fault{"status.ca", err.Error(), "name a PEM file of the authority that signs the system's certificate"})
		}
	}
	if o.Certificate != "" && o.Key != "" {
		const want = "name a PEM certificate, leaf first, and the key that belongs to it"
		if pair, err := tls.LoadX509KeyPair(o.Certificate, o.Key); err != nil {
			faults = append(faults, Fault{"status.certificate", err.Error(), want})
		} else if end := pair.Leaf.NotAfter; o.now().After(end) {
			faults = append(faults, Fault{"status.certificate", o.Certificate + " ended on " + end.Format(time.DateOnly), "name one that is good"})
		}
	}
	return faults
}

// values looks at what needs no disk.
func (o Options) values() (faults []Fault) {
	say := func(key, want, problem string, args ...any) {
		faults = append(faults, Fault{"status." + key, fmt.Sprintf(problem, args...), want})
	}
	if o.Daily < 1 || o.Daily > mostDaily {
		say("daily", fmt.Sprintf("write 1 to %d; 10 is what a person needs", mostDaily), "%d cannot be a limit of questions a day", o.Daily)
	}
	if o.Cache < 0 || o.Cache > mostCache {
		say("cache", "write up to 720h, such as 24h, or 0 to tell no old answers", "%v cannot be an age of answers", o.Cache)
	}
	if (o.Certificate == "") != (o.Key == "") {
		say("certificate", "name both, or none", "a certificate and its key go together")
	}
	if o.Token != "" && !token68.MatchString(o.Token) {
		say("token", "write letters, digits and ._~+/- only, or name a file with ${FILE:…}", "it cannot be sent as a bearer token")
	}
	if o.URL == "" {
		return faults
	}
	if o.Timeout < leastTimeout || o.Timeout > mostTimeout {
		say("timeout", "write 100ms to 30s, such as 3s: a caller waits for it", "%v cannot be a time limit", o.Timeout)
	}
	const whole = "write a whole address, such as https://register.example/status"
	u, err := url.Parse(o.URL)
	switch { // the address itself is not repeated: somebody may have written a secret into it
	case err != nil, u.Host == "", u.Hostname() == "", u.Opaque != "":
		say("url", whole, "it is no address")
	case u.User != nil:
		say("url", "write the secret under status.token", "it holds a name or a password")
	case u.Fragment != "":
		say("url", whole+", without #", "what stands behind # is never sent")
	case u.Scheme == "http" && !thisMachine(u.Hostname()):
		say("url", "write https://…; http:// is for a server on this machine (127.0.0.1, [::1], localhost)",
			"numbers and dates of birth would be readable on the way to %s", u.Hostname())
	case u.Scheme == "http" && (o.CA != "" || o.Certificate != ""):
		say("url", "write https://…, or leave out status.ca and status.certificate", "http:// proves nothing to anybody")
	case u.Scheme != "http" && u.Scheme != "https":
		say("url", whole, "%s is not spoken", u.Scheme)
	}
	return faults
}

// thisMachine reports whether what is sent to a host stays on this machine.
func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// readPool reads the certificates of authorities.
func readPool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, errors.New(path + " holds no certificate")
	}
	return pool, nil
}
