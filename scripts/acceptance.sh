#!/usr/bin/env bash
# The built program, driven by programs that are not ours.
set -euo pipefail
exec go test -count=1 -timeout 18m -tags acceptance -v ./acceptance/...
