package spoken

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rows reads a table of testdata, which others than us have made.
func rows(t *testing.T, file string, columns int) [][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != columns {
			t.Fatalf("%s: %q has %d cells, want %d", file, line, len(cells), columns)
		}
		out = append(out, cells)
	}
	return out
}

// numbers calls look for every row of a table of numbers, which must have 0 to 1,000 and more.
func numbers(t *testing.T, file string, columns int, look func(n int, cells []string)) {
	t.Helper()
	table := rows(t, file, columns)
	seen := map[int]bool{}
	for _, cells := range table {
		n, err := strconv.Atoi(cells[0])
		if err != nil {
			t.Fatal(err)
		}
		seen[n] = true
		look(n, cells)
	}
	for n := range 1001 {
		if !seen[n] {
			t.Fatalf("%s lacks %d", file, n)
		}
	}
	if len(seen) < 1300 {
		t.Fatalf("%s has only %d numbers", file, len(seen))
	}
}

func same(t *testing.T, n int, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%d, %s: got %q, want %q", n, what, got, want)
	}
}

func TestAzerbaijaniAsOthersSayIt(t *testing.T) {
	numbers(t, "az.tsv", 3, func(n int, c []string) {
		if c[1] == "-" {
			return
		}
		same(t, n, "cardinal", Cardinal("az", n, Masculine), c[1])
		same(t, n, "ordinal", Ordinal("az", n, Plain), c[2])
	})
}

func TestEnglishAsOthersSayIt(t *testing.T) {
	numbers(t, "en.tsv", 3, func(n int, c []string) {
		same(t, n, "cardinal", Cardinal("en", n, Masculine), c[1])
		same(t, n, "ordinal", Ordinal("en", n, Plain), c[2])
	})
}

func TestRussianAsOthersSayIt(t *testing.T) {
	ordinals := 0
	e := strings.NewReplacer("ё", "е") // one of the second sources writes some words without ё
	numbers(t, "ru.tsv", 9, func(n int, c []string) {
		same(t, n, "masculine", Cardinal("ru", n, Masculine), c[1])
		same(t, n, "feminine", Cardinal("ru", n, Feminine), c[2])
		same(t, n, "neuter", Cardinal("ru", n, Neuter), c[3])
		same(t, n, "masculine genitive", e.Replace(ruCardinal(n, Masculine, true)), e.Replace(c[4]))
		same(t, n, "feminine genitive", e.Replace(ruCardinal(n, Feminine, true)), e.Replace(c[5]))
		if c[6] != "-" {
			ordinals++
			same(t, n, "ordinal", e.Replace(Ordinal("ru", n, Plain)), e.Replace(c[6]))
			same(t, n, "ordinal genitive", e.Replace(Ordinal("ru", n, Genitive)), e.Replace(c[7]))
		}
		same(t, n, "plural class", []string{"one", "few", "many"}[ruPlural(n)], c[8])
	})
	if ordinals < 1001 {
		t.Errorf("only %d ordinals were compared", ordinals)
	}
}

func TestNamesAsOthersSayThem(t *testing.T) {
	table := rows(t, "names.tsv", 4)
	if len(table) != 3*(12+7) {
		t.Fatalf("%d names", len(table))
	}
	for _, c := range table {
		at, err := strconv.Atoi(c[2])
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c[1] == "month" && c[0] == "en":
			same(t, at, "month", Month("en", time.Month(at)), "of "+c[3])
		case c[1] == "month":
			same(t, at, "month", Month(lang(c[0]), time.Month(at)), c[3])
		case c[0] == "ru": // the second source has the nominative, we say the accusative
			want := c[3]
			if stem, ok := strings.CutSuffix(want, "а"); ok {
				want = stem + "у"
			}
			_, until := ruWeekday(time.Weekday(at))
			same(t, at, "weekday", until, want)
		default:
			same(t, at, "weekday", Weekday(lang(c[0]), time.Weekday(at)), c[3])
		}
	}
}
