//go:build !linux

package media

func bestNetwork() network { return portable{} }
