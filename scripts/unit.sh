#!/usr/bin/env bash
# Every package's own tests, under the race detector and in random order: the longest first, and three at a time,
# since most of them wait for a good part of their time.
set -euo pipefail
exec go test -p 3 -count=1 -race -shuffle=on -timeout 15m ./sip ./app ./recording ./store ./cmd/hotline ./media ./queue ./prompts ./...
