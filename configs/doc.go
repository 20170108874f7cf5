// Package configs is the configuration file: its type, its defaults, the checks of its shape,
// and the commented sample that is reference and defaults at once.
//
// Load reads a file and either gives a File that makes sense as a whole or Faults, a list of
// everything that is wrong with it: where it stands, what is wrong, what would be right. Nothing
// is repaired in silence. What can only be known by looking elsewhere (is the port free, is
// there such a certificate) is for other rooms to find; File.Fault gives their complaint the
// place in the file that it is about.
//
// The words of YAML come from goccy/go-yaml, whose decoder stops at the first fault. So only its
// parser is used, and decode.go walks the tree.
package configs
