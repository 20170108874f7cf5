package line

import "hotline/call"

// recordState is how the call is recorded now, as telephones are told that want to know.
func (v *visit) recordState() call.RecordState {
	switch {
	case v.sound == nil || v.private != "":
		return call.RecordOff
	case v.paused != nil:
		return call.RecordPaused
	}
	return call.RecordOn
}

// intent is how calls are recorded, as far as anybody knows before the file is there.
func (s *Settings) intent() call.RecordState {
	if s.Policy == RecordOff {
		return call.RecordOff
	}
	return call.RecordOn
}

// indicate tells both telephones how the call is recorded, if they want to know.
func (l *Line) indicate(v *visit) {
	indicate(v.leg, v.recordState())
	if v.operator != nil {
		indicate(v.operator, v.recordState())
	}
}

func indicate(leg call.Leg, s call.RecordState) {
	if i, ok := leg.(call.Indicator); ok {
		i.Indicate(s)
	}
}

// wished notes what somebody's telephone would like of the recording. It is the policy that decides: a
// recording that stands as evidence is not for one side to stop.
func (l *Line) wished(v *visit, role call.Role, name, wish string) {
	l.event(v, "recording.preference", "by", string(role), "who", name, "wish", wish)
}

// wishOf is what a telephone would like of the recording; empty: it has not said.
func wishOf(leg call.Leg) string {
	if i, ok := leg.(call.Indicator); ok {
		return i.Preference()
	}
	return ""
}
