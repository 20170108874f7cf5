package spoken

import (
	"strings"
	"time"
)

// azOnes begins with ten for the teens: they are two words, as in "on bir".
func azOnes() [10]string {
	return [...]string{"", "bir", "iki", "üç", "dörd", "beş", "altı", "yeddi", "səkkiz", "doqquz"}
}

func azTens() [10]string {
	return [...]string{"", "on", "iyirmi", "otuz", "qırx", "əlli", "altmış", "yetmiş", "səksən", "doxsan"}
}

// azCardinal says a hundred and a thousand without "one" before them, as people do.
func azCardinal(n int) string {
	if n == 0 {
		return "sıfır"
	}
	var words []string
	scale := func(count int, name string) {
		if count > 1 {
			words = append(words, azCardinal(count))
		}
		if count > 0 {
			words = append(words, name)
		}
	}
	scale(n/1000, "min")
	scale(n/100%10, "yüz")
	for _, w := range []string{azTens()[n/10%10], azOnes()[n%10]} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// azOrdinal: the suffix is on the last word alone.
func azOrdinal(n int, f Form) string {
	word := azCardinal(n)
	v := harmony(word)
	if !endsInVowel(word) {
		word += v
	}
	word += "nc" + v
	if f == YouAre {
		word += "s" + v + "n" + v + "z"
	}
	return word
}

// harmony is the close vowel that a suffix takes after a word: i, ı, u or ü, as the word's last
// vowel is front or back, rounded or not. A suffix with such a vowel keeps it for the next suffix.
func harmony(word string) string {
	switch lastVowel(word) {
	case 'e', 'ə', 'i':
		return "i"
	case 'a', 'ı':
		return "ı"
	case 'o', 'u':
		return "u"
	}
	return "ü" // ö, ü
}

// open is the open vowel that a suffix takes after a word: a after a back vowel, else ə.
func open(word string) string {
	if strings.ContainsRune("aıou", lastVowel(word)) {
		return "a"
	}
	return "ə"
}

const azVowels = "aeəıioöuü"

func lastVowel(word string) rune {
	last := rune(0)
	for _, r := range word {
		if strings.ContainsRune(azVowels, r) {
			last = r
		}
	}
	return last
}

func endsInVowel(word string) bool {
	letters := []rune(word)
	return strings.ContainsRune(azVowels, letters[len(letters)-1])
}

// azFrom is "from" a number or a word: -dan, -dən.
func azFrom(word string) string { return word + "d" + open(word) + "n" }

// azUntil is "until" it: -adək, -ədək, after a vowel with a y before.
func azUntil(word string) string {
	link := ""
	if endsInVowel(word) {
		link = "y"
	}
	return word + link + open(word) + "dək"
}

func azWeekday(d time.Weekday) string {
	return [...]string{
		"bazar", "bazar ertəsi", "çərşənbə axşamı", "çərşənbə", "cümə axşamı", "cümə", "şənbə",
	}[d]
}

// azOfDay is a weekday before the suffixes of azFrom and azUntil. "The morrow of Sunday" and "the
// eve of Wednesday" are possessives, after which a suffix begins with n: ertəsindən, ertəsinədək.
func azOfDay(d time.Weekday) string {
	switch d {
	case time.Monday, time.Tuesday, time.Thursday:
		return azWeekday(d) + "n"
	}
	return azWeekday(d)
}

func azMonth(m time.Month) string {
	return [...]string{
		"yanvar", "fevral", "mart", "aprel", "may", "iyun", "iyul", "avqust", "sentyabr", "oktyabr", "noyabr", "dekabr",
	}[m-1]
}
