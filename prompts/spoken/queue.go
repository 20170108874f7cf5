package spoken

import "hotline/call"

// Position tells a caller the place in the queue, 1 being the next. A Russian place is neuter, so
// the sentence fits every caller.
func Position(lang call.Language, n int) string {
	if n < 1 || n > Limit {
		return ""
	}
	switch lang {
	case "az":
		return sentence("Siz növbədə", Ordinal(lang, n, YouAre))
	case "en":
		return sentence("You are number", Cardinal(lang, n, Masculine), "in the queue")
	case "ru":
		return sentence("Ваше место в очереди —", Ordinal(lang, n, Plain))
	}
	return ""
}

// PositionOver tells that there are more than n calls before the caller's.
func PositionOver(lang call.Language, n int) string {
	if n < 0 || n > Limit {
		return ""
	}
	switch lang {
	case "az":
		return sentence("Növbədə sizdən əvvəl", azFrom(azCardinal(n)), "çox zəng var")
	case "en":
		return sentence("There are more than", Count(lang, n, Call), "ahead of you")
	case "ru":
		return sentence("Перед вами в очереди более", counted(n, Call))
	}
	return ""
}

// Wait tells the estimated waiting time in whole minutes.
func Wait(lang call.Language, minutes int) string {
	if minutes < 0 || minutes > Limit {
		return ""
	}
	switch lang {
	case "az":
		return sentence("Təxmini gözləmə müddəti", Count(lang, minutes, Minute)+"dir")
	case "en":
		return sentence("Your estimated waiting time is", Count(lang, minutes, Minute))
	case "ru":
		return sentence("Примерное время ожидания —", Count(lang, minutes, Minute))
	}
	return ""
}

// WaitUnder tells that the wait is estimated to be less than so many minutes.
func WaitUnder(lang call.Language, minutes int) string {
	return waitBeside(lang, minutes, "azdır", "less than", "менее")
}

// WaitOver tells that it is estimated to be more.
func WaitOver(lang call.Language, minutes int) string {
	return waitBeside(lang, minutes, "çoxdur", "more than", "более")
}

func waitBeside(lang call.Language, minutes int, az, en, ru string) string {
	if minutes < 0 || minutes > Limit {
		return ""
	}
	switch lang {
	case "az": // the noun, being the last, has the suffix: bir dəqiqədən
		return sentence("Təxmini gözləmə müddəti", azFrom(Count(lang, minutes, Minute)), az)
	case "en":
		return sentence("Your estimated waiting time is", en, Count(lang, minutes, Minute))
	case "ru":
		return sentence("Примерное время ожидания —", ru, counted(minutes, Minute))
	}
	return ""
}

// counted is a Russian number of things in the genitive: двадцати одной минуты, пяти минут. After 1
// the noun is as after 2 elsewhere, the genitive singular; else it is in the genitive plural.
func counted(n int, of Noun) string {
	name := nounOf(of).ru[2]
	if ruPlural(n) == 0 {
		name = nounOf(of).ru[1]
	}
	return join(ruCardinal(n, of.Gender(), true), name)
}

func sentence(words ...string) string {
	if s := join(words...); s != "" {
		return s + "."
	}
	return ""
}
