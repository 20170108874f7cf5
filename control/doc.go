// Package control is the commands' client to the running server: the JSON of /api/v1 over the
// unix socket in the data folder, or, where no server runs, straight into the handlers.
package control
