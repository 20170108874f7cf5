package erlang

// Counts are what a service level is computed from. They can be added up over intervals, ratios
// cannot.
type Counts struct {
	Answered        int
	AnsweredWithin  int // of those, within the target
	Abandoned       int
	AbandonedWithin int // of those, within the target
	AbandonedShort  int // of those, so soon that they changed their mind
}

// Add sums counts up.
func (c *Counts) Add(o Counts) {
	c.Answered += o.Answered
	c.AnsweredWithin += o.AnsweredWithin
	c.Abandoned += o.Abandoned
	c.AbandonedWithin += o.AbandonedWithin
	c.AbandonedShort += o.AbandonedShort
}

// Level is the service level as we state it: answered within the target, of all who were answered or
// gave up in earnest.
func (c Counts) Level() float64 {
	return ratio(c.AnsweredWithin, c.Answered+c.Abandoned-c.AbandonedShort)
}

// Levels are the five other formulas in use, in the order of the literature: whoever compares figures
// of two houses has to know which.
func (c Counts) Levels() [5]float64 {
	all := c.Answered + c.Abandoned
	return [5]float64{
		ratio(c.AnsweredWithin+c.AbandonedWithin, all),
		ratio(c.AnsweredWithin, c.Answered),
		ratio(c.AnsweredWithin, all),
		ratio(c.AnsweredWithin, c.Answered+c.Abandoned-c.AbandonedWithin),
		ratio(c.AnsweredWithin+c.AbandonedShort, all),
	}
}

// AbandonRate is the share of callers who gave up; earnest leaves out those who changed their mind.
func (c Counts) AbandonRate() (all, earnest float64) {
	return ratio(c.Abandoned, c.Answered+c.Abandoned), ratio(c.Abandoned-c.AbandonedShort, c.Answered+c.Abandoned-c.AbandonedShort)
}

// ratio of nothing is 1: where nobody called, nobody waited.
func ratio(part, whole int) float64 {
	if whole <= 0 {
		return 1
	}
	return float64(part) / float64(whole)
}
