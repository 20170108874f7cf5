package app

import (
	"os/user"
	"strconv"
)

// console says which user of the machine sits there.
func console(uid int) string {
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name += " (" + u.Username + ")"
	}
	return "console, uid " + name
}
