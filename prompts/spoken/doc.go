// Package spoken writes numbers as people say them, in Azerbaijani, English (as in Britain) and
// Russian: cardinals and ordinals, counted things, places in a queue, waiting times, dates, times
// of day and telephone numbers.
//
// The words are in az.go, en.go and ru.go, a language each; the other files put sentences together,
// with the three languages side by side. Package prompts makes clips of what is written here and
// plays them, so a text never meets a number in digits, which synthesisers read wrongly.
//
// What cannot be said is the empty text: another language, a number out of range. Nobody hears a
// wrong word.
package spoken
