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
	"strconv"
	"time"

	"hotline/backup"
	"hotline/call"
	"hotline/call/spelling"
	"hotline/configs"
	"hotline/prompts"
	"hotline/store"
)

// Check looks at what a configuration file names: certificates, the data folder, the deployer's clips.
func Check(f *configs.File) (faults configs.Faults) {
	return slices.Concat(checkTLS(f), checkStatus(f), checkAway(f), checkSecond(f), checkData(f))
}

// checkSecond looks for the second directory of the recordings. A server starts, and reloads, without it.
func checkSecond(f *configs.File) configs.Faults {
	const key = "recording.second"
	dir := f.Recording.Second
	if dir == "" {
		return nil
	}
	switch info, err := os.Stat(dir); {
	case err != nil:
		return configs.Faults{f.Fault(key, err.Error(), "mount its disk and make the folder, for the server's user")}
	case !info.IsDir():
		return configs.Faults{f.Fault(key, dir+" is not a folder", "name a folder on another disk")}
	}
	return nil
}

// checkStatus looks at how the status system is asked.
func checkStatus(f *configs.File) (faults configs.Faults) {
	for _, fault := range statusOptions(f).Check() {
		faults = append(faults, f.Fault(fault.Key, fault.Problem, fault.Want))
	}
	return faults
}

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
	authority("recording.away.s3.ca", f.Recording.Away.S3.CA, "the storage's authority")
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
	case errors.Is(err, fs.ErrNotExist): // the start makes it; until then there are the built-in clips
	case err != nil:
		at("data", err.Error(), "name a folder that this user may read and write")
		return faults
	case !info.IsDir():
		at("data", f.Data+" is not a folder", "name a folder, or a path where one can be made")
		return faults
	}
	clips, err := prompts.Load(ownPrompts(f), f.Languages, NewLog(errorLevel))
	if err != nil {
		at("data", err.Error(), "mend or remove the clips in its folder prompts")
		return faults
	}
	for _, c := range clips.Check() {
		at("data", c.Path+": "+c.Problem, c.Want)
	}
	missing, err := checkClips(f, clips)
	if err != nil {
		at("data", err.Error(), "this is a fault of the program's, tell its makers")
	}
	return append(faults, missing...)
}

// A mention is a clip that the configuration names, and where.
type mention struct{ path, clip string }

// namedClips are all clips that the file names.
func namedClips(f *configs.File) (list []mention) {
	add := func(clip, path string, args ...any) {
		if clip != "" {
			list = append(list, mention{fmt.Sprintf(path, args...), clip})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Menus)) {
		m, path := f.Menus[name], "menus."+name
		for i, clip := range m.Say {
			add(clip, "%s.say[%d]", path, i)
		}
		for _, k := range m.Keys() {
			add(m.Choose[k].Item, "%s.choose.%s.item", path, k)
		}
		add(m.Digits.Ask, "%s.digits.ask", path)
		add(m.Message.Intro, "%s.message.intro", path)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Surveys)) {
		s, path := f.Surveys[name], "surveys."+name
		add(s.Intro, "%s.intro", path)
		for i, q := range s.Ask {
			add(q.Clip, "%s.ask[%d].clip", path, i)
			for _, k := range slices.Sorted(maps.Keys(q.Items)) {
				add(q.Items[k], "%s.ask[%d].items.%s", path, i, k)
			}
		}
	}
	for i, a := range f.Announcements {
		add(a.Clip, "announcements[%d].clip", i)
	}
	for i, q := range f.Queues {
		for k, clip := range q.Comfort {
			add(clip, "queues[%d].comfort[%d]", i, k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Calendars)) {
		c := f.Calendars[name]
		add(c.Says, "calendars.%s.says", name)
		for _, date := range slices.SortedFunc(maps.Keys(c.Dates), configs.Date.Compare) {
			add(c.Dates[date].Clip, "calendars.%s.dates.%s.clip", name, date)
		}
	}
	return list
}

// checkClips looks for the clips that the file names, in each language: callers would hear another language,
// or nothing.
func checkClips(f *configs.File, clips *prompts.Library) (faults configs.Faults, err error) {
	catalogue, err := prompts.Catalogue()
	if err != nil {
		return nil, err
	}
	texts := map[string]map[call.Language]string{}
	var keys []string
	for _, e := range catalogue {
		texts[e.Key], keys = e.Texts, append(keys, e.Key)
	}
	for _, n := range namedClips(f) {
		for _, lang := range f.Languages {
			if clips.Has(n.clip, lang) {
				continue
			}
			want := "record " + filepath.Join(f.Data, "prompts", string(lang), n.clip+".wav")
			switch near := spelling.Nearest(n.clip, keys); {
			case texts[n.clip] != nil:
				want += ", which says " + reading(texts[n.clip], lang, f.Languages)
			case near != "":
				want = "did you mean " + near + "? Else " + want
			default:
				want += ", or name one of the catalogue"
			}
			faults = append(faults, f.Fault(n.path, fmt.Sprintf("there is no prompt %s in %s", n.clip, lang), want))
		}
	}
	return faults, nil
}

// reading is what somebody reads who records a clip: its text in the language, or in one that has it.
func reading(texts map[call.Language]string, lang call.Language, others []call.Language) string {
	for _, l := range append([]call.Language{lang}, others...) {
		if text := texts[l]; text != "" {
			if l != lang {
				return fmt.Sprintf("in %s what in %s is %q", lang, l, text)
			}
			return strconv.Quote(text)
		}
	}
	return "what it does in another language"
}

// IsLocked reports whether an error says that another server runs on the data folder.
func IsLocked(err error) bool {
	var locked *store.LockedError
	return errors.As(err, &locked)
}

// IsUnfinished reports whether an error says that a restore into the data folder has not ended.
func IsUnfinished(err error) bool { return errors.Is(err, backup.ErrUnfinished) }

// IsBadFile reports whether an error is about the configuration file itself.
func IsBadFile(err error) bool {
	var faults configs.Faults
	return errors.As(err, &faults) || errors.Is(err, fs.ErrNotExist)
}
