#!/usr/bin/env bash
# Every package's own tests, under the race detector and in random order.
set -euo pipefail
exec go test -count=1 -race -shuffle=on -timeout 15m ./...
