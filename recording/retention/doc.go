// Package retention decides how long a recording is kept. It reads no file, no row and no clock:
// whoever asks brings the rules, the recording, the cases of its call, the holds and the time.
//
// A recording is kept for a number of calendar months that its class gives. They are counted from
// the latest of three moments: the end of the call, the close of a case of that call, and the end
// of that case's term. While a case is open nothing is due. A hold beats everything: as long as one
// binds, the recording stays, whatever else is said. And whatever the rules say, nothing goes before
// LeastMonths are over, in which callers may ask for a copy.
//
// Messages that callers leave are judged alike: they are part of a call that has a case.
package retention
