package drawing

// Looks are the colours and the sign of a kind. dark has a contrast of 4.5 or more on light and on white; signs
// are 16 by 16.
type looks struct{ light, dark, icon string }

const (
	signPhone  = `<path d="M4 2l3 3-1.5 2a9 9 0 0 0 3.500 3.500L11 9l3 3c-1 2-2.500 2.500-4.500 1.500C6 12 4 10 2.500 6.500 1.500 4.500 2 3 4 2z"/>`
	signPerson = `<circle cx="8" cy="5" r="3"/><path d="M2.500 14c0-3.500 2.500-5 5.500-5s5.500 1.500 5.500 5"/>`
)

var allLooks = map[string]looks{
	KindLine:    {"#dfe5ea", "#2f4356", signPhone},
	"choose":    {"#dbe8f8", "#174a86", `<path d="M2 3h3v3H2zM7 3h3v3H7zM12 3h2v3h-2zM2 10h3v3H2zM7 10h3v3H7zM12 10h2v3h-2z"/>`},
	"digits":    {"#dbe8f8", "#174a86", `<path d="M6 2L4.500 14M11.500 2L10 14M2.500 6h11.500M2 10h11.500"/>`},
	"say":       {"#ececec", "#444444", `<path d="M2 6v4h3l4 3V3L5 6zM11.500 5.500q2 2.500 0 5"/>`},
	"queue":     {"#d9efdc", "#17592a", signPerson},
	"transfer":  {"#d9efdc", "#17592a", `<path d="M2 8h11M9 4l4 4-4 4"/>`},
	"callback":  {"#d9efdc", "#17592a", `<path d="M13 4v4H9M13 8a5.500 5.500 0 1 0-1 4"/>`},
	"message":   {"#fbe8c8", "#6b4200", `<path d="M2 4h12v9H2zM2 4l6 5 6-5"/>`},
	"status":    {"#e9dff5", "#55308a", `<circle cx="7" cy="7" r="4.500"/><path d="M10.500 10.500L14 14"/>`},
	"survey":    {"#e9dff5", "#55308a", `<path d="M8 2l1.800 4 4.200.5-3 3 .8 4.300L8 11.700 4.200 13.800 5 9.500l-3-3L6.200 6z"/>`},
	"hours":     {"#d5eef0", "#00565e", `<circle cx="8" cy="8" r="6"/><path d="M8 4v4l3 2"/>`},
	"incident":  {"#f9dcd7", "#8a2315", `<path d="M8 2l6.500 12h-13zM8 6.500v3.500M8 12v.1"/>`},
	"language":  {"#d5eef0", "#00565e", `<circle cx="8" cy="8" r="6"/><path d="M2 8h12M8 2q-5 6 0 12M8 2q5 6 0 12"/>`},
	"emergency": {"#f9dcd7", "#8a2315", signPhone},
	KindEnd:     {"#d5d5d5", "#2b2b2b", `<path d="M3 3h10v10H3z"/>`},
}

func look(kind string) looks {
	if l, ok := allLooks[kind]; ok {
		return l
	}
	return allLooks["say"]
}
