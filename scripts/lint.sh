#!/usr/bin/env bash
# gofmt, go vet and the staticcheck that go.mod pins.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
  echo "gofmt would change:" $unformatted
  exit 1
fi
go vet ./...
go vet -tags acceptance ./acceptance
go tool staticcheck ./...
