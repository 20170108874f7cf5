package spoken

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"hotline/call"
)

type lang = call.Language

func languages() []lang { return []lang{"az", "en", "ru"} }

// TestAzerbaijaniSuffixes has the numerals of which all others are made, as a reader of Azerbaijani
// has written them down.
func TestAzerbaijaniSuffixes(t *testing.T) {
	for n, want := range map[int][4]string{
		1:   {"birinci", "birincisiniz", "birdən", "birədək"},
		2:   {"ikinci", "ikincisiniz", "ikidən", "ikiyədək"},
		3:   {"üçüncü", "üçüncüsünüz", "üçdən", "üçədək"},
		4:   {"dördüncü", "dördüncüsünüz", "dörddən", "dördədək"},
		5:   {"beşinci", "beşincisiniz", "beşdən", "beşədək"},
		6:   {"altıncı", "altıncısınız", "altıdan", "altıyadək"},
		7:   {"yeddinci", "yeddincisiniz", "yeddidən", "yeddiyədək"},
		8:   {"səkkizinci", "səkkizincisiniz", "səkkizdən", "səkkizədək"},
		9:   {"doqquzuncu", "doqquzuncusunuz", "doqquzdan", "doqquzadək"},
		10:  {"onuncu", "onuncusunuz", "ondan", "onadək"},
		20:  {"iyirminci", "iyirmincisiniz", "iyirmidən", "iyirmiyədək"},
		30:  {"otuzuncu", "otuzuncusunuz", "otuzdan", "otuzadək"},
		40:  {"qırxıncı", "qırxıncısınız", "qırxdan", "qırxadək"},
		50:  {"əllinci", "əllincisiniz", "əllidən", "əlliyədək"},
		60:  {"altmışıncı", "altmışıncısınız", "altmışdan", "altmışadək"},
		70:  {"yetmişinci", "yetmişincisiniz", "yetmişdən", "yetmişədək"},
		80:  {"səksəninci", "səksənincisiniz", "səksəndən", "səksənədək"},
		90:  {"doxsanıncı", "doxsanıncısınız", "doxsandan", "doxsanadək"},
		100: {"yüzüncü", "yüzüncüsünüz", "yüzdən", "yüzədək"},
	} {
		word := azCardinal(n)
		same(t, n, "ordinal", Ordinal("az", n, Plain), want[0])
		same(t, n, "you are", Ordinal("az", n, YouAre), want[1])
		same(t, n, "from", azFrom(word), want[2])
		same(t, n, "until", azUntil(word), want[3])
	}
}

// TestVowelHarmony: in every suffix the vowels are of the side of the last vowel before it.
func TestVowelHarmony(t *testing.T) {
	back := func(s string) string {
		var out strings.Builder
		for _, r := range s {
			if strings.ContainsRune(azVowels, r) {
				out.WriteString(map[bool]string{true: "b", false: "f"}[strings.ContainsRune("aıou", r)])
			}
		}
		return out.String()
	}
	for n := range 1001 {
		word := azCardinal(n)
		side := back(word)[len(back(word))-1:]
		for form, said := range map[string]string{
			"ordinal": Ordinal("az", n, Plain), "you are": Ordinal("az", n, YouAre),
			"from": azFrom(word), "until": strings.TrimSuffix(azUntil(word), "dək"), // which never changes
		} {
			suffix, ok := strings.CutPrefix(said, word)
			if !ok || suffix == "" || strings.Trim(back(suffix), side) != "" {
				t.Errorf("%d, %s: %q", n, form, said)
			}
		}
	}
}

// TestSentences has what callers hear, sentence by sentence.
func TestSentences(t *testing.T) {
	nine, half8, half17, eighteen := Clock{9, 0}, Clock{8, 30}, Clock{17, 30}, Clock{18, 0}
	for _, c := range []struct {
		say        func(lang) string
		az, en, ru string
	}{
		{func(l lang) string { return Position(l, 7) },
			"Siz növbədə yeddincisiniz.", "You are number seven in the queue.", "Ваше место в очереди — седьмое."},
		{func(l lang) string { return Position(l, 23) },
			"Siz növbədə iyirmi üçüncüsünüz.", "You are number twenty-three in the queue.", "Ваше место в очереди — двадцать третье."},
		{func(l lang) string { return PositionOver(l, 30) },
			"Növbədə sizdən əvvəl otuzdan çox zəng var.", "There are more than thirty calls ahead of you.", "Перед вами в очереди более тридцати звонков."},
		{func(l lang) string { return Wait(l, 1) },
			"Təxmini gözləmə müddəti bir dəqiqədir.", "Your estimated waiting time is one minute.", "Примерное время ожидания — одна минута."},
		{func(l lang) string { return Wait(l, 2) },
			"Təxmini gözləmə müddəti iki dəqiqədir.", "Your estimated waiting time is two minutes.", "Примерное время ожидания — две минуты."},
		{func(l lang) string { return Wait(l, 5) },
			"Təxmini gözləmə müddəti beş dəqiqədir.", "Your estimated waiting time is five minutes.", "Примерное время ожидания — пять минут."},
		{func(l lang) string { return WaitUnder(l, 1) },
			"Təxmini gözləmə müddəti bir dəqiqədən azdır.", "Your estimated waiting time is less than one minute.", "Примерное время ожидания — менее одной минуты."},
		{func(l lang) string { return WaitOver(l, 30) },
			"Təxmini gözləmə müddəti otuz dəqiqədən çoxdur.", "Your estimated waiting time is more than thirty minutes.", "Примерное время ожидания — более тридцати минут."},
		{func(l lang) string { return WaitOver(l, 21) },
			"Təxmini gözləmə müddəti iyirmi bir dəqiqədən çoxdur.", "Your estimated waiting time is more than twenty-one minutes.", "Примерное время ожидания — более двадцати одной минуты."},
		{func(l lang) string { return Count(l, 21, Minute) }, "iyirmi bir dəqiqə", "twenty-one minutes", "двадцать одна минута"},
		{func(l lang) string { return Count(l, 22, Minute) }, "iyirmi iki dəqiqə", "twenty-two minutes", "двадцать две минуты"},
		{func(l lang) string { return Count(l, 12, Minute) }, "on iki dəqiqə", "twelve minutes", "двенадцать минут"},
		{func(l lang) string { return Count(l, 0, Minute) }, "sıfır dəqiqə", "zero minutes", "ноль минут"},
		{func(l lang) string { return Count(l, 1, Hour) }, "bir saat", "one hour", "один час"},
		{func(l lang) string { return Count(l, 111, Hour) }, "yüz on bir saat", "one hundred and eleven hours", "сто одиннадцать часов"},
		{func(l lang) string { return Count(l, 2, Person) }, "iki nəfər", "two people", "два человека"},
		{func(l lang) string { return Count(l, 1, Person) }, "bir nəfər", "one person", "один человек"},
		{func(l lang) string { return Count(l, 21, Person) }, "iyirmi bir nəfər", "twenty-one people", "двадцать один человек"},
		{func(l lang) string { return Count(l, 5, Call) }, "beş zəng", "five calls", "пять звонков"},
		{func(l lang) string { return Count(l, 104, Call) }, "yüz dörd zəng", "one hundred and four calls", "сто четыре звонка"},
		{func(l lang) string { return Date(l, time.March, 16) }, "on altı mart", "the sixteenth of March", "шестнадцатого марта"},
		{func(l lang) string { return DateOf(l, 2026, time.March, 15) },
			"on beş mart iki min iyirmi altıncı il", "the fifteenth of March twenty twenty-six", "пятнадцатого марта две тысячи двадцать шестого года"},
		{func(l lang) string { return DateOf(l, 2000, time.May, 3) },
			"üç may iki mininci il", "the third of May two thousand", "третьего мая двухтысячного года"},
		{func(l lang) string { return Weekday(l, time.Tuesday) }, "çərşənbə axşamı", "Tuesday", "во вторник"},
		{func(l lang) string { return Weekdays(l, time.Monday, time.Friday) }, "bazar ertəsindən cüməyədək", "Monday to Friday", "с понедельника по пятницу"},
		{func(l lang) string { return Weekdays(l, time.Tuesday, time.Saturday) },
			"çərşənbə axşamından şənbəyədək", "Tuesday to Saturday", "со вторника по субботу"},
		{func(l lang) string { return Weekdays(l, time.Wednesday, time.Thursday) },
			"çərşənbədən cümə axşamınadək", "Wednesday to Thursday", "со среды по четверг"},
		{func(l lang) string { return Weekdays(l, time.Saturday, time.Sunday) }, "şənbədən bazaradək", "Saturday to Sunday", "с субботы по воскресенье"},
		{func(l lang) string { return Time(l, nine) }, "saat doqquz", "nine a.m.", "девять часов"},
		{func(l lang) string { return Time(l, half8) }, "saat səkkiz otuz", "eight thirty a.m.", "восемь часов тридцать минут"},
		{func(l lang) string { return Time(l, Clock{21, 1}) }, "saat iyirmi bir sıfır bir", "nine oh one p.m.", "двадцать один час одна минута"},
		{func(l lang) string { return Time(l, Clock{0, 0}) }, "saat sıfır", "twelve midnight", "ноль часов"},
		{func(l lang) string { return Time(l, Clock{12, 0}) }, "saat on iki", "twelve noon", "двенадцать часов"},
		{func(l lang) string { return Time(l, Clock{0, 15}) }, "saat sıfır on beş", "twelve fifteen a.m.", "ноль часов пятнадцать минут"},
		{func(l lang) string { return From(l, nine) }, "saat doqquzdan", "from nine a.m.", "с девяти часов"},
		{func(l lang) string { return From(l, Clock{10, 5}) }, "saat on sıfır beşdən", "from ten oh five a.m.", "с десяти часов пяти минут"},
		{func(l lang) string { return Until(l, Clock{21, 0}) }, "saat iyirmi birədək", "to nine p.m.", "до двадцати одного часа"},
		{func(l lang) string { return Until(l, Clock{22, 0}) }, "saat iyirmi ikiyədək", "to ten p.m.", "до двадцати двух часов"},
		{func(l lang) string { return Until(l, Clock{24, 0}) }, "saat iyirmi dördədək", "to twelve midnight", "до двадцати четырёх часов"},
		{func(l lang) string { return Hours(l, nine, eighteen) },
			"saat doqquzdan on səkkizədək", "from nine a.m. to six p.m.", "с девяти до восемнадцати часов"},
		{func(l lang) string { return Hours(l, Clock{13, 0}, Clock{14, 0}) },
			"saat on üçdən on dördədək", "from one to two p.m.", "с тринадцати до четырнадцати часов"},
		{func(l lang) string { return Hours(l, half8, half17) },
			"saat səkkiz otuzdan on yeddi otuzadək", "from eight thirty a.m. to five thirty p.m.", "с восьми тридцати до семнадцати тридцати"},
		{func(l lang) string { return Hours(l, nine, half17) },
			"saat doqquzdan on yeddi otuzadək", "from nine a.m. to five thirty p.m.", "с девяти часов до семнадцати тридцати"},
	} {
		for l, want := range map[lang]string{"az": c.az, "en": c.en, "ru": c.ru} {
			if got := c.say(l); got != want {
				t.Errorf("%s: got %q, want %q", l, got, want)
			}
		}
	}
}

// TestWhatCannotBeSaidIsSilence: a wrong word is worse than none.
func TestWhatCannotBeSaidIsSilence(t *testing.T) {
	for name, say := range map[string]func(lang, int) string{
		"cardinal": func(l lang, n int) string { return Cardinal(l, n, Neuter) },
		"ordinal":  func(l lang, n int) string { return Ordinal(l, n, YouAre) },
		"count":    func(l lang, n int) string { return Count(l, n, Call) },
		"position": Position, "position over": PositionOver, "wait": Wait, "under": WaitUnder, "over": WaitOver,
		"day":      Day,
		"month":    func(l lang, n int) string { return Month(l, time.Month(n)) },
		"weekday":  func(l lang, n int) string { return Weekday(l, time.Weekday(n)) },
		"weekdays": func(l lang, n int) string { return Weekdays(l, time.Monday, time.Weekday(n)) },
		"date":     func(l lang, n int) string { return Date(l, time.February, n) },
		"date of":  func(l lang, n int) string { return DateOf(l, 2026, time.Month(n), 1) },
		"year":     func(l lang, n int) string { return DateOf(l, 2002+n, 1, 1) },
		"time":     func(l lang, n int) string { return Time(l, Clock{n, 0}) },
		"from":     func(l lang, n int) string { return From(l, Clock{5, n}) },
		"until":    func(l lang, n int) string { return Until(l, Clock{24, n}) + Until(l, Clock{n, 0}) },
		"hours":    func(l lang, n int) string { return Hours(l, Clock{n, 0}, Clock{n, 1}) },
	} {
		for _, l := range languages() {
			for _, n := range []int{-1_000_000, -3, Limit + 1, 1 << 40} {
				if got := say(l, n); got != "" {
					t.Errorf("%s of %d in %s: %q", name, n, l, got)
				}
			}
			if say(l, 1) == "" {
				t.Errorf("%s of 1 in %s is not said", name, l)
			}
		}
		if got := say("tr", 1); got != "" {
			t.Errorf("%s in a language that is not ours: %q", name, got)
		}
	}
	for _, l := range languages() {
		if got := Position(l, 0) + Day(l, 32) + Date(l, time.February, 30) + Time(l, Clock{24, 1}); got != "" {
			t.Errorf("%s: %q", l, got)
		}
		if Date(l, time.February, 29) == "" {
			t.Errorf("%s has no 29 February", l)
		}
	}
}

// TestNoDigitsAndOneBlank: whatever is said is words with one blank between them.
func TestNoDigitsAndOneBlank(t *testing.T) {
	for _, l := range languages() {
		for n := 1; n <= Limit; n += 1 + n/40 {
			for _, s := range []string{Cardinal(l, n, Feminine), Ordinal(l, n, Plain), Ordinal(l, n, Genitive), Position(l, n), Wait(l, n), WaitOver(l, n)} {
				if s == "" || strings.ContainsFunc(s, unicode.IsDigit) || strings.Contains(s, "  ") || strings.TrimSpace(s) != s {
					t.Fatalf("%s, %d: %q", l, n, s)
				}
			}
		}
	}
}

// TestNoTwoNumbersSoundTheSame, or a caller could not tell them apart.
func TestNoTwoNumbersSoundTheSame(t *testing.T) {
	for _, l := range languages() {
		said := map[string]int{}
		for n := range 10_000 {
			for _, s := range []string{Cardinal(l, n, Masculine), Ordinal(l, n, Plain)} {
				if other, twice := said[s]; twice && other != n {
					t.Fatalf("%s: %d and %d are both %q", l, n, other, s)
				}
				said[s] = n
			}
		}
	}
}

func TestRussianWholeThousands(t *testing.T) {
	for n, want := range map[int]string{
		1000: "тысячное", 2000: "двухтысячное", 21_000: "двадцатиоднотысячное", 40_000: "сорокатысячное", 90_000: "девяностотысячное",
		100_000: "стотысячное", 101_000: "стооднотысячное", 250_000: "двухсотпятидесятитысячное",
	} {
		same(t, n, "ordinal", Ordinal("ru", n, Plain), want)
	}
}

func TestGroups(t *testing.T) {
	for number, want := range map[string][]string{
		"0502123456":        {"050", "212", "34", "56"},
		"+994 50 212 34 56": {"050", "212", "34", "56"},
		"994502123456":      {"050", "212", "34", "56"},
		"(012) 404-56-78":   {"012", "404", "56", "78"},
		"4045678":           {"404", "56", "78"},
		"112":               {"112"},
		"1654":              {"1654"},
		"12345":             {"123", "45"},
		"123456":            {"123", "456"},
		"12345678":          {"123", "456", "78"},
		"+4915112345678":    {"491", "511", "234", "56", "78"},
		"":                  nil,
		"+":                 nil,
		"anonymous":         nil,
		"050x":              nil,
		"٠٥٠":               nil,
	} {
		if got := Groups(number); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", number, got, want)
		}
	}
	for n := 1; n <= 20; n++ {
		number := strings.Repeat("7", n)
		groups := Groups(number)
		if strings.Join(groups, "") != number {
			t.Errorf("%s was made %q", number, groups)
		}
		for _, g := range groups {
			if n > 1 && len(g) < 2 || len(g) > 4 {
				t.Errorf("%s: a group of %d", number, len(g))
			}
		}
	}
}

func ExamplePosition() {
	fmt.Println(Position("az", 7))
	// Output: Siz növbədə yeddincisiniz.
}
