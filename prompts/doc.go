// Package prompts holds the clips we ship and finds the right one by key and language. A
// deployer's own files win over them. The texts stand in catalogue.yaml; `make prompts` renders
// them; what is played is decoded and coded once, at the start.
package prompts
