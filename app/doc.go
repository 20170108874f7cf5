// Package app builds the parts, connects them, starts them in order and stops them in reverse.
// It takes no decision about calls.
//
// Files: app.go the parts and their order, settings.go the file's words in the parts' words,
// recover.go what a dead process left behind, stop.go draining and stopping, reload.go,
// try.go the server without a carrier, numbers.go its numbers that misbehave, trycall.go one real
// call through it, tryfault.go what --fault plants, calendars.go the alarm of missing holidays,
// simulate.go a call that nobody makes, desk.go the API's view of the parts, also where
// no server runs.
package app
