// Package desk is what the people who work here see and press, and the API behind it. This
// release has the API only: the commands use all of it over a unix socket in the data folder;
// the public listener has /healthz and /readyz. Pages come with a later release.
package desk
