// Package acceptance drives the built program from outside: the commands, sipp, baresip, and our
// own telephones where a foreign one cannot misbehave as wanted. What was heard is judged by
// sox and ffmpeg where a file can tell it, and which clips they were by package ear. Run it by scripts/acceptance.sh, inside a network
// namespace (netns.sh); the build tag keeps it out of the unit tests.
package acceptance
