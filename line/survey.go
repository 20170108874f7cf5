package line

import (
	"time"

	"hotline/call"
	"hotline/ivr"
	"hotline/prompts"
)

// Opinions keeps what callers answer; store.Store is one.
type Opinions interface{ Opinion(o call.Opinion) }

// A Survey is what callers are asked after a talk.
type Survey struct {
	Name      string
	Intro     string
	Questions []Question
}

// A Question is answered by one key.
type Question struct {
	Name     string
	Clip     string
	From, To int // the keys of a scale
	Items    []prompts.Item
}

// surveyListen is how long is listened for an answer: shorter than in a menu, as nobody has to.
const surveyListen = 5 * time.Second

// survey asks the questions of a survey. Each is asked once; # or nothing skips it, a key that means nothing
// is told so, once. That a question was asked is kept, too: an answer rate stands beside every mean.
func (l *Line) survey(v *visit, name string) {
	s, ok := v.settings.Surveys[name]
	if !ok || l.o.Opinions == nil || v.ctx.Err() != nil {
		return
	}
	lang, sound := v.rec.Language, v.leg.Audio()
	say := l.clips(lang, s.Intro)
	answered := false
	for _, q := range s.Questions {
		say = append(say, l.clips(lang, q.Clip)...)
		say = append(say, l.o.Prompts.SayMenu(q.Items, lang)...)
		value := 0
		for range 2 {
			key, ok := ivr.Ask(v.ctx, sound, surveyListen, say...)
			if v.ctx.Err() != nil || !ok || key.Digit == ivr.KeyRepeat {
				break
			}
			if value = q.value(key.Digit); value > 0 {
				break
			}
			say = append(l.clips(lang, "menu.invalid"), l.clips(lang, q.Clip)...)
		}
		answered = answered || value > 0
		l.o.Opinions.Opinion(call.Opinion{
			Call: v.id, Survey: s.Name, Question: q.Name, Queue: v.rec.Queue, Language: lang, Value: value, At: time.Now(),
		})
		if v.ctx.Err() != nil {
			return
		}
		say = nil
	}
	if answered {
		sound.Play(v.ctx, l.clips(lang, "survey.thanks")...)
	}
}

// value is what a key answers; 0: nothing.
func (q Question) value(key byte) int {
	for _, i := range q.Items {
		if i.Key == key {
			return int(key - '0')
		}
	}
	if n := int(key) - '0'; len(q.Items) == 0 && n >= q.From && n <= q.To {
		return n
	}
	return 0
}

// afterTalk asks the survey of the queue when the operator has hung up and the caller is still there.
func (l *Line) afterTalk(v *visit) {
	name := v.settings.Queues[v.rec.Queue].Survey
	if name == "" || v.ctx.Err() != nil || v.outcome != call.Completed || v.endedBy != call.ByOperator || v.state != call.Talking {
		return
	}
	l.move(v, call.Greeting)
	v.listenForTones(true)
	l.survey(v, name)
}
