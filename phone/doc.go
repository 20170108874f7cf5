// Package phone is a small telephone made for tests and for `hotline try --call`. It registers,
// dials, answers, speaks tones, hears them, presses keys, and misbehaves on request.
//
// It imports nothing of ours and no SIP or RTP library: its own reader and writer of SIP text,
// its own G.711, its own RTP. A product and a test that share a parser share its bugs, and then
// two wrongs look like a right.
//
//	p, err := phone.New(phone.Options{Listen: "127.0.0.1:0"})
//	c, err := p.Dial(ctx, phone.DialOptions{To: "sip:919@127.0.0.1:5060"})
//	c.Media().Say(440, 0.3)
//	err = c.Media().WaitTone(ctx, 1000)
//	err = c.Hangup(ctx)
//
// A Phone has one signalling address. Every Call has a Media with a pair of UDP sockets of its
// own, paced by a goroutine of its own. Messages are handled one after another in the order in
// which they came, so what a test sees is the order on the wire.
//
// By itself a phone keeps to RFC 3261, 3264, 3550 and 4733; Manners lists how it can be told to
// break them.
package phone
