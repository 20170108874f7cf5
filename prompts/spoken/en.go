package spoken

import "strings"

func enSmall() [20]string {
	return [...]string{
		"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
	}
}

func enTens() [10]string {
	return [...]string{"", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
}

// enCardinal is British: "one hundred and one", "one thousand and one", "one thousand one hundred".
func enCardinal(n int) string {
	switch {
	case n < 20:
		return enSmall()[n]
	case n < 100 && n%10 == 0:
		return enTens()[n/10]
	case n < 100:
		return enTens()[n/10] + "-" + enSmall()[n%10]
	case n < 1000:
		return enRest(enSmall()[n/100]+" hundred", n%100)
	}
	return enRest(enCardinal(n/1000)+" thousand", n%1000)
}

// enRest is what follows a hundred or a thousand; below a hundred it follows with "and".
func enRest(head string, rest int) string {
	switch {
	case rest == 0:
		return head
	case rest < 100:
		return head + " and " + enCardinal(rest)
	}
	return head + " " + enCardinal(rest)
}

// enOrdinal changes the last word of the cardinal.
func enOrdinal(n int) string {
	whole := enCardinal(n)
	at := strings.LastIndexAny(whole, " -") + 1
	head, last := whole[:at], whole[at:]
	switch last {
	case "one":
		last = "first"
	case "two":
		last = "second"
	case "three":
		last = "third"
	case "five":
		last = "fifth"
	case "eight":
		last = "eighth"
	case "nine":
		last = "ninth"
	case "twelve":
		last = "twelfth"
	default:
		if stem, ok := strings.CutSuffix(last, "y"); ok { // twenty
			last = stem + "ie"
		}
		last += "th"
	}
	return head + last
}
