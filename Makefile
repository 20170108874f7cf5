# hotline: what a person or a machine may ask for. `make help` lists it.
GO      ?= go
COMMIT  := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.commit=$(COMMIT)

.PHONY: help build run test bench lint prompts nightly clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

build: ## the program, into bin/hotline
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/hotline ./cmd/hotline

run: build ## a hotline on this machine with nothing to set up
	bin/hotline try

test: ## everything that must hold, within 20 minutes; installs the tools it needs
	scripts/test.sh

nightly: ## the same with the full figures of every campaign
	HOTLINE_NIGHTLY=1 scripts/test.sh

bench: ## measured figures, as ratios in one run
	scripts/bench.sh

lint: ## go vet, staticcheck, gofmt
	scripts/lint.sh

prompts: ## render the clips anew with espeak-ng
	scripts/tools.sh espeak-ng
	$(GO) run ./prompts/render

clean: ## remove what was built
	rm -rf bin test-results
