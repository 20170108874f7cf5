// Package malformed makes INVITEs that are each broken in one place.
//
// The idea is the one of the PROTOS project (Oulu, 2003): take each element of a good message,
// and put into its place, one at a time, everything that has ever ended a program: too long, absent,
// repeated, numbers beyond every type, format strings, text that is no UTF-8, addresses that are
// none, separators where none belongs. Whatever is sent, the other side must give a clean refusal,
// take the call, or be silent, and go on with the calls it has.
//
// A message is lines of elements; a Case is one element (a position) crossed with one anomaly. Same
// input, same cases: a case that hurts can be sent again by its name.
package malformed
