package prompts

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/prompts/spoken"
)

// parsed is the catalogue, read once: the tests look things up in it by the thousand.
var parsed = sync.OnceValues(Catalogue)

// said is what clips say, by the catalogue.
func said(t *testing.T, clips []*call.Clip) string {
	t.Helper()
	entries, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range clips {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Key == c.Key })
		switch {
		case c.Key == pause:
			words = append(words, "·")
		case i < 0:
			t.Fatalf("%s is in no catalogue", c.Key)
		default:
			words = append(words, strings.TrimRight(entries[i].Texts[c.Language], ",."))
		}
	}
	return strings.Join(words, " ")
}

func TestWhatIsSaidWithNumbers(t *testing.T) {
	l, err := Load("", Shipped(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		clips      func(call.Language) []*call.Clip
		az, en, ru string
	}{
		{func(g call.Language) []*call.Clip { return l.SayPosition(1, g) }, "Növbədə birincisiniz. Tezliklə operatorla əlaqələndiriləcəksiniz", "You are next in the queue. An operator will be with you shortly", "Ваш звонок следующий в очереди. Оператор скоро ответит"},
		{func(g call.Language) []*call.Clip { return l.SayPosition(3, g) }, "Siz növbədə üçüncüsünüz", "You are number three in the queue", "Ваше место в очереди — третье"},
		{func(g call.Language) []*call.Clip { return l.SayPosition(31, g) }, "", "", ""}, // thirty are ahead, not more
		{func(g call.Language) []*call.Clip { return l.SayPosition(32, g) }, "Növbədə sizdən əvvəl otuzdan çox zəng var", "There are more than thirty calls ahead of you", "Перед вами в очереди более тридцати звонков"},
		{func(g call.Language) []*call.Clip { return l.SayWait(59*time.Second, g) }, "Təxmini gözləmə müddəti bir dəqiqədən azdır", "Your estimated waiting time is less than one minute", "Примерное время ожидания — менее одной минуты"},
		{func(g call.Language) []*call.Clip { return l.SayWait(61*time.Second, g) }, "Təxmini gözləmə müddəti iki dəqiqədir", "Your estimated waiting time is two minutes", "Примерное время ожидания — две минуты"},
		{func(g call.Language) []*call.Clip { return l.SayWait(11*time.Minute, g) }, "Təxmini gözləmə müddəti on beş dəqiqədir", "Your estimated waiting time is fifteen minutes", "Примерное время ожидания — пятнадцать минут"},
		{func(g call.Language) []*call.Clip { return l.SayWait(time.Hour, g) }, "Təxmini gözləmə müddəti otuz dəqiqədən çoxdur", "Your estimated waiting time is more than thirty minutes", "Примерное время ожидания — более тридцати минут"},
		{func(g call.Language) []*call.Clip { return l.SayDate(time.March, 16, g) }, "on altı mart", "the sixteenth of March", "шестнадцатого марта"},
		{func(g call.Language) []*call.Clip { return l.SayCount(22, spoken.Minute, g) }, "iyirmi iki dəqiqə", "twenty two minutes", "двадцать две минуты"},
		{func(g call.Language) []*call.Clip { return l.SayNumber(0, spoken.Masculine, g) }, "sıfır", "zero", "ноль"},
		{func(g call.Language) []*call.Clip { return l.SayNumber(1000, spoken.Masculine, g) }, "", "", ""},
		{func(g call.Language) []*call.Clip { return l.SayDigits("hello", g) }, "", "", ""},
		{func(g call.Language) []*call.Clip { return l.SayChoice("callback.item.confirm", '1', g) }, "Nömrəni təsdiq etmək üçün bir düyməsini basın", "To confirm the number press one", "Чтобы подтвердить номер нажмите один"},
		{func(g call.Language) []*call.Clip { return l.SayTime(spoken.Clock{Hour: 18}, g) }, "saat on səkkiz", "six p.m", "восемнадцать часов"},
	} {
		for lang, want := range map[call.Language]string{"az": c.az, "en": c.en, "ru": c.ru} {
			if got := said(t, c.clips(lang)); got != want {
				t.Errorf("%s: %q, want %q", lang, got, want)
			}
		}
	}
	if got, want := said(t, l.SayDigits("+994502123456", "en")), "zero five zero · two one two · three four · five six"; got != want {
		t.Errorf("the number is read as %q, want %q: as people dial it", got, want)
	}
}

// Every whole number that is made of pieces is what the grammar says.
func TestPiecesSayTheSameAsTheGrammar(t *testing.T) {
	l, err := Load("", Shipped(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Shipped() {
		for n := range 1000 {
			want := strings.NewReplacer("-", " ").Replace(spoken.Cardinal(lang, n, spoken.Masculine))
			if got := said(t, l.SayNumber(n, spoken.Masculine, lang)); got != want {
				t.Fatalf("%s: %d is %q, want %q", lang, n, got, want)
			}
		}
	}
}

// What stands in a file of its own is decoded when it is asked for: a start reads no sound.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load("", Shipped(), zap.NewNop()); err != nil {
			b.Fatal(err)
		}
	}
}
