#!/usr/bin/env bash
# Runs a command in a network namespace of its own, removed afterwards: nobody else's packets
# come in, none go out. Besides lo it has a veth pair that leads nowhere and a default route: some
# telephones believe they have no network without.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND ..." >&2; exit 2; }
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
space="hotline-test-$$-$RANDOM" # one that died has perhaps left its own
cleanup() { "${as_root[@]}" ip netns delete "$space" 2>/dev/null || true; }
trap cleanup EXIT
"${as_root[@]}" ip netns add "$space"
inside() { "${as_root[@]}" ip -n "$space" "$@"; }
inside link set lo up
inside link add tohere type veth peer name nowhere
inside address add 192.0.2.2/24 dev tohere
inside address add 192.0.2.1/24 dev nowhere
inside link set tohere up
inside link set nowhere up
inside route add default via 192.0.2.1
"${as_root[@]}" ip netns exec "$space" env "PATH=$PATH" "HOME=$HOME" \
  ${HOTLINE_NIGHTLY:+HOTLINE_NIGHTLY=$HOTLINE_NIGHTLY} "$@"
