package app

import (
	"slices"

	"hotline/call"
	"hotline/configs"
	"hotline/line"
)

// emergency is where the emergency key leads; its zero value where there is no such key.
func emergency(f *configs.File) line.Emergency {
	i := slices.IndexFunc(f.Directory, func(e configs.Entry) bool { return e.Name == f.Emergency.To && e.Emergency })
	if f.Emergency.To == "" || i < 0 {
		return line.Emergency{}
	}
	e := f.Directory[i]
	return line.Emergency{
		Key: byte(f.Emergency.Key), Record: f.Emergency.Record,
		Entry: line.Entry{Name: e.Name, Number: call.Number(e.Number), Languages: e.Languages, Emergency: true},
	}
}
