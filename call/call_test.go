package call

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The whole table of states: what is not written here must not be.
func TestMovesBetweenStates(t *testing.T) {
	allowed := map[State][]State{
		Ringing:  {Greeting, Ended},
		Greeting: {Waiting, Talking, Ended},
		Waiting:  {Talking, Ended},
		Talking:  {Waiting, Greeting, Ended},
		Ended:    {},
	}
	states := []State{Ringing, Greeting, Waiting, Talking, Ended, "", "dreaming"}
	for _, from := range states {
		for _, to := range states {
			if want := slices.Contains(allowed[from], to); from.May(to) != want {
				t.Errorf("%q to %q: %v, want %v", from, to, !want, want)
			}
		}
	}
}

// From each state a call can end, and nothing comes after the end.
func TestEveryStateEnds(t *testing.T) {
	for from, next := range moves {
		if !from.May(Ended) {
			t.Errorf("a call cannot end from %s", from)
		}
		for _, to := range next {
			if _, known := moves[to]; !known && to != Ended {
				t.Errorf("%s leads to %s, from where nothing leads on", from, to)
			}
		}
	}
}

// The names go into records, metrics and other people's reports: they stay.
func TestOutcomesAreTheContract(t *testing.T) {
	want := []Outcome{"completed", "abandoned", "refused", "closed", "timed_out", "media_lost", "failed", "interrupted", "stopped", "callback", "served"}
	if !slices.Equal(Outcomes, want) {
		t.Errorf("outcomes %q, want %q", Outcomes, want)
	}
	parties := []Party{ByCaller, ByOperator, ByPeer, ByUs}
	if !slices.Equal(parties, []Party{"caller", "operator", "peer", "us"}) {
		t.Errorf("parties %q", parties)
	}
}

// However a number is printed by accident, it does not tell who called.
func TestNumberNeverPrintsItselfWhole(t *testing.T) {
	const secret = "+000123456789"
	n := Number(secret)
	record := Record{From: n}
	printed := []string{n.String(), n.GoString()}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, v := range []any{n, record, &record, []Number{n}, map[string]Number{"from": n}, Info{From: n}, Dial{From: n}} {
			printed = append(printed, fmt.Sprintf(format, v))
		}
	}
	var log bytes.Buffer
	for _, encoder := range []zapcore.Encoder{
		zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	} {
		logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&log), zapcore.DebugLevel))
		logger.Info("a call", zap.Any("from", n), zap.Stringer("from", n), zap.Any("record", record), zap.Any("record", &record), zap.Any("info", Info{From: n}))
		logger.Sugar().Infow("a call", "from", n, "numbers", []Number{n}, "by", map[string]Number{"from": n})
		logger.Sugar().Infof("%v %+v %#v", n, record, record)
	}
	body, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(printed, log.String(), string(body)) {
		if strings.Contains(text, secret) || strings.Contains(text, "12345") {
			t.Errorf("the whole number stands in %s", text)
		}
	}
	if n.Raw() != secret {
		t.Errorf("raw is %q", n.Raw())
	}
}

func TestMaskedNumbers(t *testing.T) {
	for _, c := range []struct{ number, want string }{
		{"", ""}, {"919", "919"}, {"112", "112"}, {"1234", "1234"}, {"12345", "***45"}, {"+000123456789", "***89"},
	} {
		if got := Number(c.number).String(); got != c.want {
			t.Errorf("%q is printed %q, want %q", c.number, got, c.want)
		}
	}
}

// Ids sort by time, so that the newest call is the last file in its folder.
func TestIDsSortByTime(t *testing.T) {
	var ids []ID
	for range 1000 {
		ids = append(ids, NewID())
	}
	if !slices.IsSorted(ids) {
		t.Error("ids made one after another are not in order")
	}
	if u, err := uuid.Parse(string(ids[0])); err != nil || u.Version() != 7 {
		t.Errorf("%s is no UUIDv7: %v", ids[0], err)
	}
	if len(slices.Compact(ids)) != 1000 {
		t.Error("two ids are the same")
	}
}

func TestClipDuration(t *testing.T) {
	if d := (*Clip)(nil).Duration(); d != 0 {
		t.Errorf("silence lasts %v", d)
	}
	if d := (&Clip{PCM: make([]int16, 3*ClockRate/2)}).Duration(); d != 1500*time.Millisecond {
		t.Errorf("a second and a half lasts %v", d)
	}
}

func TestDialErrorNamesNobody(t *testing.T) {
	err := &DialError{Failure: Busy, Code: 486}
	if got := err.Error(); got != "dial: busy (486)" {
		t.Errorf("%q", got)
	}
	if Said.String() != "left" || Heard.String() != "right" {
		t.Error("the caller is on the left")
	}
}
