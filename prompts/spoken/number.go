package spoken

import "hotline/call"

// Limit is the largest number that is said. The smallest is 0.
const Limit = 999_999

// A Gender is that of the counted thing. Only Russian asks for it.
type Gender uint8

// The genders.
const (
	Masculine Gender = iota
	Feminine
	Neuter
)

// A Form is the ending of an ordinal.
type Form uint8

// The forms of ordinals. English has only the plain one.
const (
	Plain    Form = iota // üçüncü, third; Russian is neuter, as a place and a day are: третье
	Genitive             // the day on which: третьего; Azerbaijani is plain
	YouAre               // you are the third: üçüncüsünüz; Russian is plain
)

// Cardinal is the number in words: "iyirmi üç", "twenty-three", "двадцать три". It is "" for a
// number below 0 or above Limit, and for a language that is not ours.
func Cardinal(lang call.Language, n int, g Gender) string {
	if n < 0 || n > Limit {
		return ""
	}
	switch lang {
	case "az":
		return azCardinal(n)
	case "en":
		return enCardinal(n)
	case "ru":
		return ruCardinal(n, g, false)
	}
	return ""
}

// Ordinal is the number that a thing has in a row: "iyirmi üçüncü", "twenty-third", "двадцать
// третье". It is "" where Cardinal is.
func Ordinal(lang call.Language, n int, f Form) string {
	if n < 0 || n > Limit {
		return ""
	}
	switch lang {
	case "az":
		return azOrdinal(n, f)
	case "en":
		return enOrdinal(n)
	case "ru":
		return ruOrdinal(n, f)
	}
	return ""
}

// A Noun is a thing that is counted.
type Noun uint8

// The nouns.
const (
	Minute Noun = iota
	Hour
	Call
	Person
)

// A noun is declined as numbers ask for it.
type noun struct {
	az     string    // always in the singular
	en     [2]string // one, other
	ru     [3]string // one, few, many (the plural classes of CLDR)
	gender Gender    // in Russian
}

func nounOf(k Noun) noun {
	switch k {
	case Minute:
		return noun{"dəqiqə", [2]string{"minute", "minutes"}, [3]string{"минута", "минуты", "минут"}, Feminine}
	case Hour:
		return noun{"saat", [2]string{"hour", "hours"}, [3]string{"час", "часа", "часов"}, Masculine}
	case Call:
		return noun{"zəng", [2]string{"call", "calls"}, [3]string{"звонок", "звонка", "звонков"}, Masculine}
	case Person:
		return noun{"nəfər", [2]string{"person", "people"}, [3]string{"человек", "человека", "человек"}, Masculine}
	}
	return noun{}
}

// Name is the noun alone as it stands after the number: "dəqiqə", "minutes", "минуты".
func (k Noun) Name(lang call.Language, n int) string {
	d := nounOf(k)
	switch lang {
	case "az":
		return d.az
	case "en":
		if n == 1 {
			return d.en[0]
		}
		return d.en[1]
	case "ru":
		return d.ru[ruPlural(n)]
	}
	return ""
}

// Gender is the noun's in Russian.
func (k Noun) Gender() Gender { return nounOf(k).gender }

// Count is a number of things: "iyirmi iki dəqiqə", "twenty-two minutes", "двадцать две минуты".
// It is "" where Cardinal is.
func Count(lang call.Language, n int, of Noun) string {
	return join(Cardinal(lang, n, of.Gender()), of.Name(lang, n))
}

// join puts words in a row; where one is missing, nothing is said.
func join(words ...string) string {
	out := ""
	for i, w := range words {
		if w == "" {
			return ""
		}
		if i > 0 {
			out += " "
		}
		out += w
	}
	return out
}
