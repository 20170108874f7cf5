// Package spelling finds the word that somebody meant: a key of the configuration file, a prompt, a file's name.
package spelling
