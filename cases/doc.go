// Package cases is what becomes of what a citizen leaves: a case with a number and a term, forwarded to
// the unit of its topic, remembered at half, four fifths and the whole of its term, answered, closed.
//
// Files: term.go the terms of law in working days, courier.go
// letters that go out until they have arrived, mail.go and webhook.go the two ways they go. Rows are the
// store's; this package knows none of them, and no telephones.
package cases
