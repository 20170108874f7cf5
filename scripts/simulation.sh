#!/usr/bin/env bash
# The queue core under simulated days with faults: 2,000 of 2,000 events, without the race detector,
# and some planted bugs to see that the checks see. HOTLINE_NIGHTLY: an hour of days, and all bugs.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOGC=400 # memory for time: a day is small and short

if [ -n "${HOTLINE_NIGHTLY:-}" ]; then
  go test -count=1 -v -timeout 90m -run '^TestSimulation$' ./queue -simulate-for 1h
else
  go test -count=1 -v -timeout 5m -run '^(TestSimulation|TestRandomDays)$' ./queue -simulations 2000 -seeds 3000
fi
go test -count=1 -timeout 5m -run '^TestEqualsTheMultiServerRecursion$' ./queue -oracle-calls 100000
exec go test -count=1 -v -timeout 30m -tags planted -run '^TestPlantedBugs$' ./queue
