#!/usr/bin/env bash
# Measured figures: what a relayed packet costs, as ratios in one run, how many calls a second this
# machine carries, and the packages' benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh gcc libc6-dev iproute2
mkdir -p bench/bin
gcc -O2 -Wall -Wextra -o bench/bin/floor bench/floor/floor.c
go build -o bench/bin/relay ./bench/relay
bench/bin/relay -floor bench/bin/floor

echo
make -s build
go build -o bench/bin/calls ./bench/calls
acceptance/netns.sh bench/bin/calls

packages=$(grep -l '^func Benchmark' --include='*_test.go' -r recording queue sip | xargs -r -n1 dirname | sort -u | sed 's,^,./,')
if [ -n "$packages" ]; then
  echo
  # shellcheck disable=SC2086 # a list of words
  go test -run '^$' -bench . -benchtime 0.5s $packages | grep -E '^(Benchmark|pkg|ok|FAIL|---)'
fi
