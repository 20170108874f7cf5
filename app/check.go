package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"hotline/configs"
	"hotline/prompts"
	"hotline/store"
)

// Check looks at what a configuration file names: the data folder and the deployer's clips.
func Check(f *configs.File) (faults configs.Faults) {
	at := func(key, problem, want string) {
		faults = append(faults, f.Fault(key, problem, want))
	}
	switch info, err := os.Stat(f.Data); {
	case errors.Is(err, fs.ErrNotExist): // the start makes it
		return nil
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
