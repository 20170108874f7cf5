// Package cases turns what a citizen leaves into a case that is registered, numbered, sent to who
// answers it, and answered in term.
//
// term.go counts the days of the law. register.go is what may happen to a case, and who is to be told.
// courier.go tells them: what is to be told lies in the store until its receiver has it, and carries a
// key by which the receiver knows a double. standing.go answers callers who ask how their case stands.
package cases
