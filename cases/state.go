package cases

import (
	"slices"
	"strconv"

	"hotline/call"
)

// moves lists where a case may go from each state.
var moves = map[call.CaseState][]call.CaseState{
	call.CaseRegistered: {call.CaseRegistered, call.CaseAssigned, call.CaseAnswered, call.CaseClosed},
	call.CaseAssigned:   {call.CaseAssigned, call.CaseRegistered, call.CaseAnswered, call.CaseClosed}, // back: another unit has it
	call.CaseAnswered:   {call.CaseClosed},
}

func may(from, to call.CaseState) bool { return slices.Contains(moves[from], to) }

// reminderKey is by which a receiver knows a reminder. An extended term has reminders of its own.
func reminderKey(id call.ID, percent, extra int) string {
	if extra > 0 {
		return string(id) + "-extended-" + strconv.Itoa(percent)
	}
	return string(id) + "-" + strconv.Itoa(percent)
}
