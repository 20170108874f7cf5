package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The image is the program alone, run by nobody in particular; what it copies is there, or is what
// `make build` makes.
func TestContainerfileIsWhatItSays(t *testing.T) {
	var froms, copied []string
	says := map[string]string{}
	for line := range strings.Lines(read(t, "container/Containerfile")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "FROM":
			froms = append(froms, rest)
		case "COPY":
			rest = regexp.MustCompile(`^--chown=\S+ `).ReplaceAllString(rest, "")
			copied = append(copied, strings.Fields(rest)[0])
		case "USER", "VOLUME", "ENV", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD":
			says[word] = rest
		default:
			t.Errorf("what does %q do here?", line)
		}
	}
	if !slices.Equal(froms, []string{"scratch"}) {
		t.Errorf("it is made from %q", froms)
	}
	for _, path := range copied {
		if path == "bin/hotline" {
			continue
		}
		if _, err := os.Stat("../" + path); err != nil {
			t.Error(err)
		}
	}
	if !slices.Contains(copied, "bin/hotline") || !strings.Contains(read(t, "../Makefile"), "CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/hotline") {
		t.Error("it does not copy what make build makes, or that is not static")
	}
	for word, want := range map[string]string{
		"USER": "65532:65532", "VOLUME": "/var/lib/hotline", "STOPSIGNAL": "SIGTERM", "ENV": "HOTLINE_CONFIG=/etc/hotline.yaml",
		"ENTRYPOINT": `["/usr/local/bin/hotline"]`, "CMD": `["serve"]`,
	} {
		if says[word] != want {
			t.Errorf("%s is %q, want %q", word, says[word], want)
		}
	}
	if !strings.Contains(says["HEALTHCHECK"], `CMD ["/usr/local/bin/hotline", "queue", "show"]`) {
		t.Errorf("its health is asked by %q", says["HEALTHCHECK"])
	}
}

// Both ways to run the image give it the machine's network, no right it does not need, and the time
// that running calls need.
func TestContainerIsRunWithoutRights(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Network  string   `yaml:"network_mode"`
			Volumes  []string `yaml:"volumes"`
			ReadOnly bool     `yaml:"read_only"`
			CapDrop  []string `yaml:"cap_drop"`
			Security []string `yaml:"security_opt"`
			Restart  string   `yaml:"restart"`
			Grace    string   `yaml:"stop_grace_period"`
			Build    struct{ Context, Dockerfile string }
		}
	}
	readYAML(t, "container/compose.yml", &compose)
	s := compose.Services["hotline"]
	if s.Network != "host" || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.Security, []string{"no-new-privileges"}) ||
		s.Restart != "on-failure" || s.Grace != "11m" || !slices.Equal(s.Volumes, []string{"/etc/hotline.yaml:/etc/hotline.yaml:ro", "data:/var/lib/hotline"}) {
		t.Errorf("compose.yml: %+v", s)
	}
	if _, err := os.Stat("container/" + s.Build.Context + "/" + s.Build.Dockerfile); err != nil {
		t.Error(err)
	}
	quadlet := read(t, "container/hotline.container")
	for _, want := range []string{
		"Network=host", "ReadOnly=true", "DropCapability=all", "NoNewPrivileges=true", "Notify=true", "Restart=on-failure", "--stop-timeout=660", "TimeoutStopSec=690",
		"Volume=/etc/hotline.yaml:/etc/hotline.yaml:ro", "Volume=hotline-data:/var/lib/hotline",
	} {
		if !regexp.MustCompile(`(?m)^(PodmanArgs=.*)?` + regexp.QuoteMeta(want) + `$`).MatchString(quadlet) {
			t.Errorf("hotline.container lacks %s", want)
		}
	}
}
