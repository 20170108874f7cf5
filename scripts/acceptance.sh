#!/usr/bin/env bash
# The built program, driven by programs that are not ours. Each test has a network namespace of its
# own. Most of them wait for what people say and run eight at a time, the longest first; those that kill servers run
# in pairs; those that load the machine, or measure it, run alone afterwards.
set -uo pipefail
cd "$(dirname "$0")/.."

# Tests that last more than a minute.
long='TestSippMeetsTheGate|TestANewcomersCall|TestBoardShowsAWorkingDay|Test[A-Za-z]*Walks?TheJourney|TestEveryBranchOfTheJourney|TestTryCallFaults|TestACallerHearsThePlace|TestCallersOfEveryKind|TestHowACallChanges'

# Tests that share the machine with one other, the longest of them, and those that want it for themselves.
fewlong='TestShift.*|TestKillNine'
few='TestDiskFaults|TestTheSecondDiskTakesOver|TestSlowSyncsThatFail|TestShift.*|TestKill.*|TestEndsInEveryState|TestMalformed.*'
alone='TestManyCallsAtOnce|TestFloods|TestTenTimesTheLoad'

results=$PWD/test-results/acceptance
mkdir -p "$results"
go test -c -tags acceptance -o "$results/acceptance.test" ./acceptance || exit 1
cd acceptance || exit 1
"$results/acceptance.test" -test.list . | grep '^Test' >"$results/list" || exit 1

# one NAME: runs one test and keeps what it says.
one() {
  local began=$SECONDS state=ok
  ./netns.sh "$2/acceptance.test" -test.run "^$1\$" -test.v -test.timeout 18m >"$2/$1.log" 2>&1 || state=FAILED
  printf '%-8s %4d s  %s\n' "$state" $((SECONDS - began)) "$1"
  [ "$state" = ok ] || { sed 's/^/    /' "$2/$1.log"; exit 1; }
}
export -f one

failed=0
{ grep -xE "$long" "$results/list"; grep -vxE "$long|$few|$alone" "$results/list"; } | xargs -P 8 -I NAME bash -c 'one NAME "$0"' "$results" || failed=1
{ grep -xE "$fewlong" "$results/list"; grep -xE "$few" "$results/list" | grep -vxE "$fewlong"; } | xargs -P 2 -I NAME bash -c 'one NAME "$0"' "$results" || failed=1
grep -xE "$alone" "$results/list" | xargs -P 1 -I NAME bash -c 'one NAME "$0"' "$results" || failed=1
cat "$results"/*.log >"$results/all.txt"
exit $failed
