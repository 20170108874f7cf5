#!/usr/bin/env bash
# Measured figures, as ratios in one run: what a relayed packet costs, and the packages' benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools.sh gcc libc6-dev util-linux
mkdir -p bench/bin
gcc -O2 -Wall -Wextra -o bench/bin/floor bench/floor/floor.c
go build -o bench/bin/relay ./bench/relay
bench/bin/relay -floor bench/bin/floor
echo
go test -run '^$' -bench . -benchtime 0.5s ./media ./recording ./queue | grep -E '^(Benchmark|pkg|ok)'
