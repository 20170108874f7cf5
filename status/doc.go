// Package status asks the system that knows how applications stand. It is asked by a caller's keys, so it
// takes three seconds at most, rests a while after it has failed, and never says a name; what was answered
// lately stands in while it is away, with its age.
//
// What is sent and what is understood is written in docs/operating.md, "The status of applications": it is
// the contract with whoever keeps that system.
package status
