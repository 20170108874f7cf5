package configs

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
)

// Heads is where the daily heads of the recordings' chain are kept a second time: without one, whoever takes the
// newest recordings away with their links leaves no trace.
type Heads struct {
	Folder string `yaml:"folder"` // absolute, on another machine's disk; empty: none
	Syslog string `yaml:"syslog"` // udp://HOST:PORT, tcp://HOST:PORT or local; empty: none
	Mail   string `yaml:"mail"`   // address, by cases.mail; empty: none
}

// heads checks where the heads are kept.
func (c *checker) heads() {
	h := c.file.Recording.Heads
	if h.Folder != "" && !filepath.IsAbs(h.Folder) {
		c.say("recording.heads.folder", "write an absolute path, such as /mnt/heads", "%q is not one", h.Folder)
	}
	if network, at, err := h.Log(); err != nil {
		c.say("recording.heads.syslog", "write udp://HOST:PORT, tcp://HOST:PORT or local", "%q: %v", h.Syslog, err)
	} else if network != "" {
		if _, _, err := net.SplitHostPort(at); err != nil {
			c.say("recording.heads.syslog", "write udp://HOST:PORT, tcp://HOST:PORT or local", "%q has no host and port", h.Syslog)
		}
	}
	switch {
	case h.Mail == "":
	case !strings.Contains(h.Mail, "@"):
		c.say("recording.heads.mail", "write an address, such as chief@example.org", "%q is not one", h.Mail)
	case c.file.Cases.Mail.Server == "":
		c.say("recording.heads.mail", "write cases.mail.server, too", "no e-mail leaves without a server")
	}
}

// Log is the network and the address of Syslog; both are empty for local, and where there is none.
func (h Heads) Log() (network, at string, err error) {
	if h.Syslog == "" || h.Syslog == "local" {
		return "", "", nil
	}
	network, at, found := strings.Cut(h.Syslog, "://")
	if !found || network != "udp" && network != "tcp" {
		return "", "", errors.New("no such way to a syslog")
	}
	return network, at, nil
}
