package ivr

import (
	"context"
	"time"

	"hotline/call"
	"hotline/prompts"
)

// A Kind is the one thing that a node is for.
type Kind string

// The kinds. Words, choices and digits are the walk's own; the others are whoever's who walks.
const (
	Say      Kind = "say"
	Choose   Kind = "choose"
	Digit    Kind = "digits"
	Queue    Kind = "queue"
	Transfer Kind = "transfer"
	Message  Kind = "message"
	Callback Kind = "callback"
	Status   Kind = "status"
	Survey   Kind = "survey"
	Hours    Kind = "hours"
	Incident Kind = "incident"
	Language Kind = "language"
	End      Kind = "end"

	// Emergency is no node of a menu: the emergency key leads there from wherever keys are listened for.
	Emergency Kind = "emergency"
)

// A Node is one place in the menus.
type Node struct {
	Name string
	Kind Kind

	Words   []string // clips that are said on arriving
	Answers bool     // who has heard them has been answered

	Choices []Choice // in the order in which they are told
	Listen  time.Duration
	Rounds  int

	Ask    Question
	Target string // the queue, the entry of the directory, the survey
	Leave  Leave  // of a message
	Open   call.Hours
	Closed string // where hours lead when they are not open; To when they are

	To      string
	Nothing string // where doing nothing leads; empty: to the person
	Person  string // where 0 leads; empty: as before
}

// A Choice is what one key does.
type Choice struct {
	Key  byte
	Item string // empty: it is not told
	To   string
}

// A Question is one for digits.
type Question struct {
	Clip        string
	Least, Most int
	Values      map[string]string // node by what was keyed
	Other       string            // node for everything else of that length; empty: it is invalid
}

// A Leave is how a message is left.
type Leave struct {
	Matter       call.Matter
	Topic        string
	Confidential bool
	Intro        string
	Longest      time.Duration
	Silence      time.Duration // 0: none ends it
	Least        time.Duration
}

// Menus are the nodes of a configuration, by name. They are never changed: a reload makes others, and
// a call keeps those that it began with.
type Menus map[string]*Node

// Speech is what a walk says with; prompts.Library is one.
type Speech interface {
	Prompts

	// SayMenu tells what each key is for.
	SayMenu(items []prompts.Item, lang call.Language) []*call.Clip
}

// The keys that mean the same everywhere.
const (
	KeyPerson = '0'
	KeyBack   = '*'
	KeyRepeat = '#'
)

// A Meaning is what a key means wherever a caller is not keying a number.
type Meaning uint8

// The meanings. Alarm is the emergency key's.
const (
	Other Meaning = iota // what the question says, if anything
	Person
	Back
	Repeat
	Alarm
)

// MeaningOf is what a key means everywhere. emergency is the emergency key; 0: there is none.
func MeaningOf(digit, emergency byte) Meaning {
	switch {
	case emergency != 0 && digit == emergency:
		return Alarm
	case digit == KeyPerson:
		return Person
	case digit == KeyBack:
		return Back
	case digit == KeyRepeat:
		return Repeat
	}
	return Other
}

// A Walk is one caller's way through the menus. It is used by the call's goroutine alone.
type Walk struct {
	Menus     Menus
	Audio     call.Audio
	Prompts   Speech
	Language  call.Language
	Emergency byte             // the key of an emergency; 0: there is none
	Now       func() time.Time // by which hours go

	// Arrived, where set, is told of each node as the caller comes to it, again when coming back.
	Arrived func(*Node)

	// Answered tells that the caller has heard the words of a node that answers.
	Answered bool

	at     *Node
	way    []*Node // where the caller came from, for KeyBack
	person string
}

// Begin puts the caller at a node. person is where 0 leads from there on.
func (w *Walk) Begin(name, person string) {
	w.way, w.person = nil, person
	w.arrive(w.Menus[name])
}

// At is where the caller is; nil: nowhere, as a name led to no node.
func (w *Walk) At() *Node { return w.at }

// Person is where KeyPerson leads; nil: nowhere.
func (w *Walk) Person() *Node { return w.Menus[w.person] }

func (w *Walk) arrive(n *Node) {
	w.at = n
	if n == nil {
		return
	}
	if n.Person != "" {
		w.person = n.Person
	}
	if w.Arrived != nil {
		w.Arrived(n)
	}
}

// Go leads the caller on to a node, from where KeyBack leads back.
func (w *Walk) Go(name string) {
	if w.at != nil && (w.at.Kind == Choose || w.at.Kind == Digit) {
		w.way = append(w.way, w.at)
	}
	w.arrive(w.Menus[name])
}

// On leads the caller on from a node that has done its work.
func (w *Walk) On() { w.Go(w.at.To) }

// Idle leads on a caller who did nothing at a node that asks something.
func (w *Walk) Idle() {
	switch {
	case w.at.Nothing != "":
		w.Go(w.at.Nothing)
	case w.at.Name == w.person: // the caller is where a person would be
		w.Go(w.at.To)
	default:
		w.ToPerson()
	}
}

// ToPerson leads the caller to a person, or to what there is in the place of one.
func (w *Walk) ToPerson() { w.Go(w.person) }

// Back leads the caller to the menu before; where there was none, to the one that it is.
func (w *Walk) Back() {
	to := w.at
	if n := len(w.way); n > 0 {
		to, w.way = w.way[n-1], w.way[:n-1]
	}
	w.arrive(to)
}

// Follow leads the caller where a key of that meaning leads. It is false where that is nowhere in the menus.
func (w *Walk) Follow(m Meaning) bool {
	switch m {
	case Person:
		w.ToPerson()
	case Back:
		w.Back()
	default:
		return false
	}
	return true
}

// most bounds the steps of a walk in which nothing is asked: a checked file needs far fewer.
const most = 100

// Next says, asks and listens until the caller has come to a node that is not the walk's own, and
// returns it. It is nil where the caller has left, or the way leads to no node.
func (w *Walk) Next(ctx context.Context) *Node {
	for range most {
		n := w.at
		if n == nil || ctx.Err() != nil {
			return nil
		}
		switch n.Kind {
		case Choose:
			if !w.choose(ctx, n) {
				return &Node{Name: n.Name, Kind: Emergency}
			}
		case Digit:
			w.digits(ctx, n)
		case Say:
			if !w.say(ctx, n) {
				return &Node{Name: n.Name, Kind: Emergency}
			}
		case Hours:
			if len(n.Words) > 0 {
				w.hear(ctx, n, w.clips(n.Words...))
			}
			if n.Open.Open(w.Now()) {
				w.On()
			} else {
				w.Go(n.Closed)
			}
		default:
			if len(n.Words) > 0 {
				w.hear(ctx, n, w.clips(n.Words...))
			}
			if ctx.Err() != nil {
				return nil
			}
			return n
		}
	}
	return nil
}

// clips are those of the keys, in the language or the first one.
func (w *Walk) clips(keys ...string) (list []*call.Clip) {
	for _, key := range keys {
		if c := w.Prompts.Clip(key, w.Language); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// hear plays a node's words without listening.
func (w *Walk) hear(ctx context.Context, n *Node, clips []*call.Clip) {
	if w.Audio.Play(ctx, clips...).Whole && n.Answers {
		w.Answered = true
	}
}

// say plays words that a key may cut short: 0, * and # do what they always do, other keys are let be.
// It is false at the emergency key.
func (w *Walk) say(ctx context.Context, n *Node) bool {
	for {
		always := func(digit byte) bool { return MeaningOf(digit, w.Emergency) != Other }
		key, ok, whole := AskFor(ctx, w.Audio, 0, always, w.clips(n.Words...)...)
		w.Answered = w.Answered || whole && n.Answers
		switch m := MeaningOf(key.Digit, w.Emergency); {
		case ctx.Err() != nil:
			return true
		case !ok:
			w.On()
			return true
		case m == Alarm:
			return false
		case w.Follow(m):
			return true
		} // Repeat: again
	}
}

// choose reads a menu until a key leads on. It is false at the emergency key.
func (w *Walk) choose(ctx context.Context, n *Node) bool {
	say := append(w.clips(n.Words...), w.menu(n)...)
	if len(say) == 0 { // every clip of it is missing: nobody can choose in silence
		if n.Name == w.person {
			w.Idle()
		} else {
			w.ToPerson()
		}
		return true
	}
	wrong := 0
	for round := 0; round < n.Rounds && wrong < n.Rounds; {
		key, ok := Ask(ctx, w.Audio, n.Listen, say...)
		switch m := MeaningOf(key.Digit, w.Emergency); {
		case ctx.Err() != nil:
			return true
		case !ok:
			round++
			w.Answered = w.Answered || n.Answers
			say = append(w.clips("menu.noinput"), w.menu(n)...)
			continue
		case m == Alarm:
			return false
		case w.Follow(m):
			return true
		case m == Repeat:
			say = append(w.clips(n.Words...), w.menu(n)...)
			continue
		}
		for _, c := range n.Choices {
			if c.Key == key.Digit {
				w.Go(c.To)
				return true
			}
		}
		wrong++
		say = append(w.clips("menu.invalid"), w.menu(n)...)
	}
	w.giveUp(ctx, n)
	return true
}

// giveUp leads on a caller of whom nothing came.
func (w *Walk) giveUp(ctx context.Context, n *Node) {
	w.Idle()
	if w.at != nil && w.at.Kind == Queue {
		w.Audio.Play(ctx, w.clips("menu.tooMany")...)
	}
}

// menu tells the choices of a node.
func (w *Walk) menu(n *Node) []*call.Clip {
	var items []prompts.Item
	for _, c := range n.Choices {
		if c.Item != "" {
			items = append(items, prompts.Item{Clip: c.Item, Key: c.Key})
		}
	}
	if w.Emergency != 0 && n.Name == w.first() {
		items = append(items, prompts.Item{Clip: "menu.item.emergency", Key: w.Emergency})
	}
	return w.Prompts.SayMenu(items, w.Language)
}

// first is the menu in which the caller has begun: there alone the emergency key is told.
func (w *Walk) first() string {
	if len(w.way) > 0 {
		return w.way[0].Name
	}
	return w.at.Name
}

// digits asks for digits until they lead on.
func (w *Walk) digits(ctx context.Context, n *Node) {
	d := n.Ask
	say := append(w.clips(n.Words...), w.clips(d.Clip)...)
	for range n.Rounds {
		digits, why := Collect(ctx, w.Audio, n.Listen, d.Most, say...)
		switch {
		case ctx.Err() != nil:
			return
		case why == Cancelled:
			w.Back()
			return
		case why == Nothing:
			say = append(w.clips("menu.noinput"), w.clips(d.Clip)...)
			continue
		case d.Values[digits] != "":
			w.Go(d.Values[digits])
			return
		case d.Other != "" && len(digits) >= d.Least:
			w.Go(d.Other)
			return
		}
		say = append(w.clips("menu.invalid"), w.clips(d.Clip)...)
	}
	w.giveUp(ctx, n)
}

// Has reports whether there is a node of that kind.
func (m Menus) Has(k Kind) bool {
	for _, n := range m {
		if n.Kind == k {
			return true
		}
	}
	return false
}
