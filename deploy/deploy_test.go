// Package deploy_test loads what runs beside the server with the programs that will.
package deploy_test

import (
	"os"
	"strings"
	"testing"
)

// The unit starts the commands that exist, as the documentation says.
func TestUnitStartsTheServer(t *testing.T) {
	unit, err := os.ReadFile("hotline.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ExecStart=/usr/local/bin/hotline serve --config", "ExecStartPre=/usr/local/bin/hotline check --config",
		"Restart=always", "StateDirectory=hotline", "NoNewPrivileges=yes",
	} {
		if !strings.Contains(string(unit), want) {
			t.Errorf("the unit lacks %s", want)
		}
	}
}
