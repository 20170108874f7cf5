// Package drawing makes a picture of menus: boxes in layers from left to right, arrows between them, one SVG
// with nothing in it from elsewhere, for a screen or a sheet of A3 or A4. It knows no configuration and no
// clips: what is written in the boxes is handed to it. The same plan gives the same picture, byte by byte.
package drawing

// A Plan is what is drawn.
type Plan struct {
	Title string
	About string // a sentence for those who do not see the picture
	Notes []string
	Nodes []Node // in the order in which they are drawn where nothing else decides; names are unique
}

// A Node is one box.
type Node struct {
	Name  string
	Kind  string // one of Kinds; anything else looks like words
	About []string
	Said  []Words // before the exits
	Exits []Exit
}

// An Exit leads from one box to another.
type Exit struct {
	Label string // a key, or a word such as nothing, open, closed, then
	To    string // the name of a node; of none: it is written, and no arrow leads there
	Said  []Words
}

// Words are one clip in its languages.
type Words struct {
	Clip  string
	Texts []Text // none: the clip's name is shown in their place
}

// A Text is what is said in one language.
type Text struct{ Language, Text string }

// The kinds that have a look of their own; each is the word in the box.
const (
	KindLine = "line" // where callers come from
	KindEnd  = "end"
)
