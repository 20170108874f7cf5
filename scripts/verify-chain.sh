#!/usr/bin/env bash
# Checks the chain of the recordings with openssl and sha256sum alone: a second opinion on
# `hotline recording verify` that shares no code with it.
#
#   scripts/verify-chain.sh RECORDINGS PUBLIC-KEY.pem [HEAD.json]
#
# RECORDINGS is the folder of that name, or a copy of it. It says the first link that is broken, missing, put in or
# altered, and ends with 1; or how many links are good.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
recordings=$(cd "$1" && pwd) public=$(realpath "$2") head=${3:+$(realpath "$3")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Ours is the key whose name is the beginning of its SHA-256.
key=$(openssl pkey -pubin -in "$public" -outform DER | tail -c 32 | sha256sum | cut -c1-16)

# Every link of this key: "SEQ PREVIOUS DIGEST SIGNATURE PATH", by number. What a link signs is its line without
# digest and signature, with a closing brace.
form='^\(.*,"seq":\([0-9]*\)\(,"previous":"\([0-9a-f]\{64\}\)"\)\{0,1\},"key":"'$key'"\),"digest":"\([0-9a-f]\{64\}\)","signature":"\([A-Za-z0-9+/=]\{88\}\)"}$'
cd "$recordings"
find . -name '*.json' | sort | while read -r path; do
  fields=$(sed -n "s|$form|\2 \4- \5 \6|p" "$path")
  [ -z "$fields" ] || printf '%s %s\n' "$fields" "${path#./}"
done | sort -n -k1,1 >"$work/links"

broken() { echo "link $1: $2"; exit 1; }
want=1 last=-
while read -r seq previous digest signature path; do
  [ "$seq" -ge "$want" ] || broken "$seq" "$path is a second link of this number"
  [ "$seq" -eq "$want" ] || broken "$want" "missing"
  sed "s|$form|\1}|" "$path" | head -c -1 >"$work/body"
  [ "$(sha256sum <"$work/body" | cut -c1-64)" = "$digest" ] || broken "$seq" "$path was altered"
  [ "$previous" = "$last" ] || broken "$seq" "$path does not follow the link before it"
  base64 -d <<<"$signature" >"$work/signature" 2>/dev/null &&
    openssl pkeyutl -verify -pubin -inkey "$public" -rawin -in "$work/body" -sigfile "$work/signature" >"$work/said" 2>&1 ||
    broken "$seq" "$path is not signed by this key"
  name=$(basename "$path" .json)
  case $path in
    chain/*) [ "$path" = "chain/$key/$(printf %09d "$seq").json" ] || broken "$seq" "$path lies in the wrong place" ;;
    *) grep -q "\"call\":\"$name\"" "$path" || broken "$seq" "$path is of another call" ;;
  esac
  last=$digest- want=$((seq + 1))
done <"$work/links"

# What is no link was older than the chain, or was put in.
if [ -n "$head" ]; then
  links=$(sed -n 's/.*"links":\([0-9]*\),.*/\1/p' "$head") digest=$(sed -n 's/.*"last":"\([0-9a-f]*\)".*/\1/p' "$head")
  [ "$want" -gt "$links" ] || broken "$want" "missing: the head says that there were $links links"
  grep -q "^$links [0-9a-f-]* $digest " "$work/links" || broken "$links" "not the link that the head names: the chain was made anew"
fi
echo "$((want - 1)) links are good"
