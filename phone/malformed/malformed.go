package malformed

import (
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A Case is one INVITE with one thing wrong.
type Case struct {
	Position string // which element: "from tag"
	Anomaly  string // how it is broken: "absent"
	// CallID is the Call-ID that the message would have, were it whole.
	CallID string
	Bytes  []byte
}

// Name finds the case again.
func (c Case) Name() string { return c.Position + ": " + c.Anomaly }

// Good is the INVITE that the cases are made of, with nothing wrong.
func Good(t Target, id string) []byte { return message(t, id, "", anomaly{}) }

// Positions and Anomalies are the sides of the table.
func Positions() (names []string) {
	for _, l := range append(headers(Target{}, ""), description(Target{})...) {
		for _, e := range l {
			names = append(names, e.name)
		}
	}
	return names
}

// Anomalies names what is done to each position.
func Anomalies() (names []string) {
	for _, a := range anomalies() {
		names = append(names, a.name)
	}
	return names
}

// Cases are all cases, one of every n, in an order that seed decides, so that neighbours have little
// in common. run keeps their Call-IDs apart from those of other runs. Each position has every
// anomaly when every is 1; with more, each case comes in one of every runs with seeds 0 … every-1.
func Cases(t Target, run string, seed uint64, every int) (list []Case) {
	all := anomalies()
	count := 0
	for _, position := range Positions() {
		for _, a := range all {
			count++
			if (uint64(count)+seed)%uint64(every) != 0 {
				continue
			}
			id := run + "-" + short(position+a.name)
			list = append(list, Case{Position: position, Anomaly: a.name, CallID: id + "@malformed", Bytes: message(t, id, position, a)})
		}
	}
	rand.New(rand.NewPCG(seed, seed)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// short is a name of a case that fits into an identifier.
func short(name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return strconv.FormatUint(h.Sum64(), 36)
}

// message writes an INVITE with the anomaly at the position. Content-Length is true, unless it is
// what is broken, so that nothing else is wrong because of it.
func message(t Target, id, position string, a anomaly) []byte {
	body := text(description(t), position, a)
	head := headers(t, id)
	last := head[len(head)-1]
	last[len(last)-1].value = strconv.Itoa(len(body))
	return []byte(text(head, position, a) + crlf + body)
}

// text writes lines, each with its end.
func text(lines []line, position string, a anomaly) string {
	var b strings.Builder
	for _, l := range lines {
		written := l.String()
		for i, e := range l {
			if e.name != position {
				continue
			}
			if a.lines != nil {
				written = a.lines(written)
				break
			}
			broken := append(line{}, l...)
			broken[i].value = a.value(e.value)
			written = broken.String()
		}
		if written == "" {
			continue // the line is not there
		}
		b.WriteString(written)
		b.WriteString(crlf)
	}
	return b.String()
}
