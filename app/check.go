package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hotline/configs"
	"hotline/prompts"
	"hotline/store"
)

// Check looks at what a configuration file names: certificates, the data folder, the deployer's clips.
func Check(f *configs.File) (faults configs.Faults) { return append(checkTLS(f), checkData(f)...) }

// checkTLS reads every certificate, so that a wrong one is told before a restart needs it.
func checkTLS(f *configs.File) (faults configs.Faults) {
	pair := func(key, certificate, private string) {
		if certificate == "" {
			return
		}
		c, err := tls.LoadX509KeyPair(certificate, private)
		if err != nil {
			faults = append(faults, f.Fault(key, err.Error(), "name a PEM certificate and the key that belongs to it"))
		} else if end := c.Leaf.NotAfter; time.Now().After(end) {
			faults = append(faults, f.Fault(key, certificate+" ended on "+end.Format(time.DateOnly), "name one that is good"))
		}
	}
	pair("sip.trunks.tls", f.SIP.Trunks.TLS.Certificate, f.SIP.Trunks.TLS.Key)
	pair("sip.phones.tls", f.SIP.Phones.TLS.Certificate, f.SIP.Phones.TLS.Key)
	pair("status.certificate", f.Status.Certificate, f.Status.Key)
	authority := func(key, file, of string) {
		if file == "" {
			return
		}
		if body, err := os.ReadFile(file); err != nil {
			faults = append(faults, f.Fault(key, err.Error(), "name a PEM file of "+of))
		} else if !x509.NewCertPool().AppendCertsFromPEM(body) {
			faults = append(faults, f.Fault(key, file+" holds no certificate", "name a PEM file of "+of))
		}
	}
	authority("status.ca", f.Status.CA, "whoever signs the status system's certificate")
	for i, c := range f.SIP.Trunks.Carriers {
		key := fmt.Sprintf("sip.trunks.carriers[%d].tls", i)
		pair(key, c.TLS.Certificate, c.TLS.Key)
		authority(key+".ca", c.TLS.CA, "the carrier's authority")
	}
	return faults
}

// checkData looks into the data folder.
func checkData(f *configs.File) (faults configs.Faults) {
	at := func(key, problem, want string) {
		faults = append(faults, f.Fault(key, problem, want))
	}
	switch info, err := os.Stat(f.Data); {
	case errors.Is(err, fs.ErrNotExist): // the start makes it
	case err != nil:
		at("data", err.Error(), "name a folder that this user may read and write")
		return faults
	case !info.IsDir():
		at("data", f.Data+" is not a folder", "name a folder, or a path where one can be made")
		return faults
	}
	clips, err := prompts.Load(filepath.Join(f.Data, "prompts"), f.Languages, NewLog(errorLevel))
	if err != nil {
		at("data", err.Error(), "mend or remove the clips in its folder prompts")
		return faults
	}
	for _, c := range clips.Check() {
		at("data", c.Path+": "+c.Problem, c.Want)
	}
	return append(faults, checkClips(f, clips)...)
}

// checkClips looks for the clips that calendars name: callers would hear general words instead.
func checkClips(f *configs.File, clips *prompts.Library) (faults configs.Faults) {
	is := func(key, clip string) {
		for _, lang := range f.Languages {
			if clip != "" && !clips.Has(clip, lang) {
				faults = append(faults, f.Fault(key, fmt.Sprintf("there is no prompt %s in %s", clip, lang),
					"record "+filepath.Join(f.Data, "prompts", string(lang), clip+".wav")+", or name one of the catalogue"))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Calendars)) {
		c, path := f.Calendars[name], "calendars."+name
		is(path+".says", c.Says)
		for _, date := range slices.SortedFunc(maps.Keys(c.Dates), configs.Date.Compare) {
			is(path+".dates."+date.String()+".clip", c.Dates[date].Clip)
		}
	}
	return faults
}

// IsLocked reports whether an error says that another server runs on the data folder.
func IsLocked(err error) bool {
	var locked *store.LockedError
	return errors.As(err, &locked)
}

// IsBadFile reports whether an error is about the configuration file itself.
func IsBadFile(err error) bool {
	var faults configs.Faults
	return errors.As(err, &faults) || errors.Is(err, fs.ErrNotExist)
}
