package queue

import (
	"slices"
	"strings"
)

// checkChoice finds the faults of how operators are chosen.
func checkChoice(r Rules, fault func(key, format string, args ...any)) {
	if r.Strategy != "" && !slices.Contains(Strategies, r.Strategy) {
		var all []string
		for _, s := range Strategies {
			all = append(all, string(s))
		}
		fault("strategy", "%q is none, would be right: one of %s", r.Strategy, strings.Join(all, ", "))
	}
	if r.Strategy == RingSeveral && (r.AtOnce < 2 || r.AtOnce > MostAtOnce) {
		fault("at_once", "%d is not between 2 and %d", r.AtOnce, MostAtOnce)
	}
	if r.HeadStart < 0 || r.LastOperator < 0 || r.Longest < 0 || r.Short < 0 {
		fault("head_start", "head_start, last_operator, longest and short are 0s or more")
	}
	if r.Limit < 0 || r.PauseAfter < 0 || r.Callback.Tries < 0 || r.Callback.Pause < 0 {
		fault("limit", "limit, pause_after and those of callback are 0 or more")
	}
	for k, step := range r.Steps {
		if step.After < 0 || k > 0 && step.After <= r.Steps[k-1].After {
			fault("steps", "step %d does not come after the one before it", k+1)
		}
		if step.Language < 0 || step.Language > MaxLevel {
			fault("steps", "%d is no level of a language, would be right: 0 to %d", step.Language, MaxLevel)
		}
		for _, skill := range step.Skills {
			if skill.Name == "" || skill.Level < MinLevel || skill.Level > MaxLevel {
				fault("steps", "%q at level %d is no skill, would be right: a name and a level from %d to %d", skill.Name, skill.Level, MinLevel, MaxLevel)
			}
		}
	}
	for k, o := range r.Overflow {
		if o.To == "" || o.To == r.Name {
			fault("overflow", "%q is no other queue", o.To)
		}
		if o.After < 0 || k > 0 && o.After < r.Overflow[k-1].After {
			fault("overflow", "%q comes before the one in front of it", o.To)
		}
	}
}
