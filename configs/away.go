package configs

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Away is where sealed recordings lie besides this machine.
type Away struct {
	Dir       string    `yaml:"dir"` // a folder on another mount; empty: none. Path as in TLS
	S3        S3        `yaml:"s3"`
	KeepLocal KeepLocal `yaml:"keep_local"`
	Mbit      int       `yaml:"mbit"` // a second that are sent and read back, in all; 0: as many as go
}

// S3 is S3-compatible storage.
type S3 struct {
	Endpoint  string `yaml:"endpoint"` // host or host:port; empty: none
	Bucket    string `yaml:"bucket"`
	Prefix    string `yaml:"prefix"` // of all names
	Region    string `yaml:"region"` // empty: the storage is asked
	AccessKey string `yaml:"access_key"`
	SecretKey string `yaml:"secret_key"`
	CA        string `yaml:"ca"`       // PEM; empty: the system's. Path as in TLS
	Insecure  bool   `yaml:"insecure"` // http; only to this machine
}

// KeepLocal is how long a sound stays here after it was sealed, once it is away.
type KeepLocal time.Duration

// KeepAlways is as long as the recording is kept at all.
const KeepAlways KeepLocal = -1

func (k KeepLocal) String() string {
	if k < 0 {
		return "always"
	}
	return time.Duration(k).String()
}

func (k *KeepLocal) parse(text string) error {
	if text == "always" {
		*k = KeepAlways
		return nil
	}
	var d Duration
	if err := d.parse(text); err != nil {
		return wrong("write always, or a duration such as 720h; 0s for not at all", "%s is no such time", quote(text))
	}
	*k = KeepLocal(d)
	return nil
}

func defaultAway() Away { return Away{KeepLocal: KeepAlways, Mbit: 50} }

// Anywhere reports whether recordings go away at all.
func (a Away) Anywhere() bool { return a.Dir != "" || a.S3.Endpoint != "" }

var (
	// bucket is what S3 lets a bucket be called.
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

	// s3Prefix is folders, with or without a slash behind them.
	s3Prefix = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*/?)*$`)

	// endpoint is a host, with a port or not.
	endpoint = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?$`)
)

// maxMbit is more than a disk gives.
const maxMbit = 100_000

// away checks where recordings go.
func (c *checker) away() {
	const here = "recording.away"
	a := c.file.Recording.Away
	if a.Dir != "" && within(a.Dir, c.file.Data) {
		c.say(here+".dir", "name a folder on another mount", "%s lies in the data folder, and is lost with it", c.raw(here+".dir", a.Dir))
	}
	if a.Mbit < 0 || a.Mbit > maxMbit {
		c.say(here+".mbit", "write 1 to "+strconv.Itoa(maxMbit)+", or 0 for as many as go", "%d Mbit a second cannot be", a.Mbit)
	}
	if a.KeepLocal != KeepAlways && !a.Anywhere() {
		c.say(here+".keep_local", "write always, or name recording.away.dir or recording.away.s3", "recordings lie nowhere else")
	}
	c.s3(here+".s3", a.S3)
}

// within reports whether a folder lies in another.
func within(dir, other string) bool {
	rel, err := filepath.Rel(filepath.Clean(other), filepath.Clean(dir))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// s3 checks what is needed to reach storage.
func (c *checker) s3(path string, s S3) {
	if s.Endpoint == "" {
		if s != (S3{}) {
			c.say(path, "write endpoint: HOST or HOST:PORT, or leave all of s3 empty", "the storage has no endpoint")
		}
		return
	}
	host := strings.TrimSuffix(s.Endpoint, endpoint.ReplaceAllString(s.Endpoint, "$3"))
	switch {
	case !endpoint.MatchString(s.Endpoint):
		c.say(path+".endpoint", "write HOST or HOST:PORT without https://, such as s3.example.org", "%s is no host", c.raw(path+".endpoint", s.Endpoint))
	case s.Insecure && !loopback.MatchString(host):
		c.say(path+".insecure", "write false, and name the certificate's authority as ca", "recordings would be sent for everybody to read")
	case s.Insecure && s.CA != "":
		c.say(path+".ca", "leave it out, or write insecure: false", "without TLS there is no certificate")
	}
	if !bucketName.MatchString(s.Bucket) {
		c.say(path+".bucket", "write 3 to 63 small letters, digits, - or .", "%s is no name of a bucket", c.raw(path+".bucket", s.Bucket))
	}
	if !s3Prefix.MatchString(s.Prefix) {
		c.say(path+".prefix", "write folders such as hotline/recordings, without / before them", "%s is no prefix", c.raw(path+".prefix", s.Prefix))
	}
	if s.AccessKey == "" || s.SecretKey == "" {
		c.say(path, "write access_key and secret_key, the secret as ${FILE:/path}", "an account needs both keys")
	}
}
