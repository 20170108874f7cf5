#!/usr/bin/env bash
# All tests, one suite after another, each in a network namespace of its own; a table at the
# end. A missing tool is installed; one that cannot be had fails the run. Nothing is skipped.
set -uo pipefail
cd "$(dirname "$0")/.."

results=test-results
rm -rf "$results" && mkdir -p "$results"
names=() states=() times=()

# suite NAME COMMAND...: runs it, keeps its output, remembers how it went and how long it took.
suite() {
  local name=$1 began=$SECONDS state=ok
  shift
  echo "=== $name"
  "$@" 2>&1 | tee "$results/$name.log"
  [ "${PIPESTATUS[0]}" -eq 0 ] || state=FAILED
  names+=("$name") states+=("$state") times+=($((SECONDS - began)))
}


suite tools scripts/tools.sh gcc libc6-dev python3 strace fuse3 sndfile-programs firefox-esr iproute2 sip-tester linphone-cli baresip-core baresip-ffmpeg sox libsox-fmt-all multimon-ng ffmpeg \
  espeak-ng tshark prometheus sqlite3 procps openssl age kamailio sipvicious systemd podman crun \
  unzip chromium
suite s3rver scripts/npm.sh s3rver@3.7.1
if [ "${states[0]}" = ok ] && [ "${states[1]}" = ok ]; then
  suite modules go mod download
  suite axe scripts/axe.sh
  suite lint scripts/lint.sh
  suite build make -s build
  suite unit acceptance/netns.sh scripts/unit.sh
  suite simulation scripts/simulation.sh
  suite acceptance scripts/acceptance.sh
  [ -z "${HOTLINE_NIGHTLY:-}" ] || suite fuzz acceptance/netns.sh scripts/fuzz.sh 2m
fi

failed=0
printf '\n%-12s %-8s %8s\n' suite result seconds
for i in "${!names[@]}"; do
  printf '%-12s %-8s %8d\n' "${names[$i]}" "${states[$i]}" "${times[$i]}"
  [ "${states[$i]}" = ok ] || failed=$((failed + 1))
done
printf '%-12s %-8s %8d\n\n' all "" "$SECONDS"
echo "$((${#names[@]} - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
