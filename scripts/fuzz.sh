#!/usr/bin/env bash
# Every fuzz target there is, one after the other, each for a while: scripts/fuzz.sh [2m [PACKAGE...]].
# What one finds lies in the package's testdata/fuzz and is a seed from then on: repair, commit both.
set -uo pipefail
cd "$(dirname "$0")/.."

for=${1:-2m}
shift || true
packages=("$@")
[ ${#packages[@]} -gt 0 ] || mapfile -t packages < <(grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u)
failed=()
for package in "${packages[@]}"; do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
    echo "=== $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$for" -parallel "${HOTLINE_FUZZ_PARALLEL:-2}" "$package" || failed+=("$package $target")
  done
done
[ ${#failed[@]} -eq 0 ] || printf 'found something: %s\n' "${failed[@]}"
[ ${#failed[@]} -eq 0 ]
