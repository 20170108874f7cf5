package recording

import "hotline/call"

// Tee is a sink that hands each frame to several, in their order: a leg has one tap at a time,
// and the call's recording and a message both listen. Sinks that are nil, and a call's Recording
// that is nil because the call is not recorded, are left out; where none is left Tee is nil.
func Tee(sinks ...call.Sink) call.Sink {
	var all tee
	for _, s := range sinks {
		if g, ok := s.(*Recording); s == nil || ok && g == nil {
			continue
		}
		all = append(all, s)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type tee []call.Sink

// Take implements call.Sink.
func (t tee) Take(f call.Frame) {
	for _, s := range t {
		s.Take(f)
	}
}
