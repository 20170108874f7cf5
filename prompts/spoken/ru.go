package spoken

import (
	"strings"
	"time"
)

// A ruWord is a numeral in the cases and as the ordinal that we say.
type ruWord struct {
	nominative string
	genitive   string
	ordinal    string // without its ending
}

// ruSmall has 1 and 2 in the masculine.
func ruSmall() [20]ruWord {
	return [...]ruWord{
		{"ноль", "ноля", "нулев"},
		{"один", "одного", "перв"},
		{"два", "двух", "втор"},
		{"три", "трёх", "трет"},
		{"четыре", "четырёх", "четвёрт"},
		{"пять", "пяти", "пят"},
		{"шесть", "шести", "шест"},
		{"семь", "семи", "седьм"},
		{"восемь", "восьми", "восьм"},
		{"девять", "девяти", "девят"},
		{"десять", "десяти", "десят"},
		{"одиннадцать", "одиннадцати", "одиннадцат"},
		{"двенадцать", "двенадцати", "двенадцат"},
		{"тринадцать", "тринадцати", "тринадцат"},
		{"четырнадцать", "четырнадцати", "четырнадцат"},
		{"пятнадцать", "пятнадцати", "пятнадцат"},
		{"шестнадцать", "шестнадцати", "шестнадцат"},
		{"семнадцать", "семнадцати", "семнадцат"},
		{"восемнадцать", "восемнадцати", "восемнадцат"},
		{"девятнадцать", "девятнадцати", "девятнадцат"},
	}
}

// ruTens begins with 20.
func ruTens() [8]ruWord {
	return [...]ruWord{
		{"двадцать", "двадцати", "двадцат"},
		{"тридцать", "тридцати", "тридцат"},
		{"сорок", "сорока", "сороков"},
		{"пятьдесят", "пятидесяти", "пятидесят"},
		{"шестьдесят", "шестидесяти", "шестидесят"},
		{"семьдесят", "семидесяти", "семидесят"},
		{"восемьдесят", "восьмидесяти", "восьмидесят"},
		{"девяносто", "девяноста", "девяност"},
	}
}

// ruHundreds begins with 100.
func ruHundreds() [9]ruWord {
	return [...]ruWord{
		{"сто", "ста", "сот"},
		{"двести", "двухсот", "двухсот"},
		{"триста", "трёхсот", "трёхсот"},
		{"четыреста", "четырёхсот", "четырёхсот"},
		{"пятьсот", "пятисот", "пятисот"},
		{"шестьсот", "шестисот", "шестисот"},
		{"семьсот", "семисот", "семисот"},
		{"восемьсот", "восьмисот", "восьмисот"},
		{"девятьсот", "девятисот", "девятисот"},
	}
}

// ruPlural is the class of the noun after a number: 0 as after 1, 1 as after 2, 2 as after 5.
func ruPlural(n int) int {
	switch tens, ones := n/10%10, n%10; {
	case tens == 1:
		return 2
	case ones == 1:
		return 0
	case ones >= 2 && ones <= 4:
		return 1
	}
	return 2
}

// ruParts are the words of a number below a thousand and above 0.
func ruParts(n int) []ruWord {
	var parts []ruWord
	if n >= 100 {
		parts = append(parts, ruHundreds()[n/100-1])
	}
	n %= 100
	if n >= 20 {
		parts = append(parts, ruTens()[n/10-2])
		n %= 10
	}
	if n > 0 {
		parts = append(parts, ruSmall()[n])
	}
	return parts
}

// gendered puts the last of a number's words into the gender; only 1 and 2 have one.
func gendered(parts []ruWord, g Gender) []ruWord {
	last := &parts[len(parts)-1]
	switch {
	case last.nominative == "один" && g == Feminine:
		last.nominative, last.genitive = "одна", "одной"
	case last.nominative == "один" && g == Neuter:
		last.nominative = "одно"
	case last.nominative == "два" && g == Feminine:
		last.nominative = "две"
	}
	return parts
}

// ruThousands are the words of so many thousands.
func ruThousands(n int) []ruWord {
	word := [...]ruWord{{nominative: "тысяча", genitive: "тысячи"}, {nominative: "тысячи", genitive: "тысяч"}, {nominative: "тысяч", genitive: "тысяч"}}
	return append(gendered(ruParts(n), Feminine), word[ruPlural(n)])
}

func ruCardinal(n int, g Gender, genitive bool) string {
	var parts []ruWord
	if n >= 1000 {
		parts = ruThousands(n / 1000)
	}
	switch {
	case n == 0:
		parts = []ruWord{ruSmall()[0]}
	case n%1000 > 0:
		parts = append(parts, gendered(ruParts(n%1000), g)...)
	}
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = p.nominative
		if genitive {
			words[i] = p.genitive
		}
	}
	return strings.Join(words, " ")
}

// ruOrdinal is neuter. The last word alone is an ordinal; whole thousands are one word of it all.
func ruOrdinal(n int, f Form) string {
	last, head := n%100, ""
	switch {
	case n == 0:
		return ruEnding(ruSmall()[0].ordinal, f)
	case n%1000 == 0:
		return ruEnding(ruThousandth(n/1000), f)
	case last == 0:
		last = n % 1000
	case last > 20 && last%10 > 0:
		last %= 10
	}
	if n > last {
		head = ruCardinal(n-last, Masculine, false) + " "
	}
	return head + ruEnding(ruParts(last)[0].ordinal, f)
}

func ruEnding(stem string, f Form) string {
	soft := stem == "трет"
	switch {
	case soft && f == Genitive:
		return stem + "ьего"
	case soft:
		return stem + "ье"
	case f == Genitive:
		return stem + "ого"
	}
	return stem + "ое"
}

// ruThousandth is the ordinal of whole thousands: their number in the genitive, written together,
// except for 1, 90 and 100, which stay as they are (двадцатиоднотысячное, сорокатысячное).
func ruThousandth(n int) string {
	word := ""
	if n > 1 {
		for _, p := range gendered(ruParts(n), Neuter) {
			switch p.nominative {
			case "одно", "девяносто", "сто":
				word += p.nominative
			default:
				word += p.genitive
			}
		}
	}
	return word + "тысячн"
}

// ruWeekday gives a weekday as in "с понедельника", "по понедельник" (which is also "в
// понедельник").
func ruWeekday(d time.Weekday) (from, until string) {
	w := [...][2]string{
		{"воскресенья", "воскресенье"},
		{"понедельника", "понедельник"},
		{"вторника", "вторник"},
		{"среды", "среду"},
		{"четверга", "четверг"},
		{"пятницы", "пятницу"},
		{"субботы", "субботу"},
	}[d]
	return w[0], w[1]
}

// ruMonth is in the genitive: of January.
func ruMonth(m time.Month) string {
	return [...]string{
		"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
	}[m-1]
}
