#!/usr/bin/env bash
# Measured figures, as ratios in one run: what a relayed packet costs, and the packages' benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh gcc libc6-dev
mkdir -p bench/bin
gcc -O2 -Wall -Wextra -o bench/bin/floor bench/floor/floor.c
go build -o bench/bin/relay ./bench/relay
bench/bin/relay -floor bench/bin/floor

packages=$(grep -l '^func Benchmark' --include='*_test.go' -r recording queue | xargs -r -n1 dirname | sort -u | sed 's,^,./,')
if [ -n "$packages" ]; then
  echo
  # shellcheck disable=SC2086 # a list of words
  go test -run '^$' -bench . -benchtime 0.5s $packages | grep -E '^(Benchmark|pkg|ok|FAIL|---)'
fi
