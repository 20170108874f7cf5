package access

import (
	"cmp"
	"fmt"
	"slices"
)

// What may be asked for. The words are in the log: each keeps its meaning for ever.
const (
	Play   = "play"   // hear it
	Export = "export" // take the sound away in a file
	Copy   = "copy"   // make a citizen's copy
	Verify = "verify" // have it checked with its key, which shows no sound
	Hold   = "hold"   // keep it from being erased
	Lift   = "lift"   // let it go again
	Purge  = "purge"  // erase it
	Clock  = "clock"  // vouch for the clock by which it is erased
)

// The roles of the users, and Server, which erases what is due.
const (
	Operator   = "operator"
	Supervisor = "supervisor"
	Chief      = "chief"
	Admin      = "admin"
	Server     = "server"
)

// Table is who may do what; what is not in it is refused. An operator hears nothing, not even of their own
// calls. The admin has the machine, and therefore not the voices.
var Table = map[string][]string{
	Operator:   {},
	Supervisor: {Play, Export, Copy, Verify, Hold},
	Chief:      {Play, Export, Copy, Verify, Hold, Lift, Purge, Clock},
	Admin:      {Verify, Hold, Clock},
	Server:     {Purge, Verify},
}

// Doings is what may be asked for: the closed list.
var Doings = []string{Play, Export, Copy, Verify, Hold, Lift, Purge, Clock}

// MaySecond says whether somebody of a role can be the second person of what two persons decide.
func MaySecond(role string) bool { return role == Supervisor || role == Chief || role == Admin }

// sounds says whether somebody hears what they ask for.
func sounds(do string) bool { return do == Play || do == Export || do == Copy }

// may says why a role may not do something, or nil.
func may(role, do string) error {
	switch list, known := Table[role]; {
	case !known:
		return fmt.Errorf("%w: %s is no role that may %s a recording; name a user of the hotline", ErrRefused, cmp.Or(role, "nobody"), do)
	case slices.Contains(list, do):
		return nil
	case role == Admin && sounds(do):
		return fmt.Errorf("%w: the admin runs the machine and cannot hear; ask a supervisor or the chief", ErrRefused)
	}
	return fmt.Errorf("%w: the role %s may not %s a recording", ErrRefused, role, do)
}
