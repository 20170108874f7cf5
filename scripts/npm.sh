#!/usr/bin/env bash
# Installs the npm packages named as NAME@VERSION for all, where they are not there yet: foreign
# programs that judge ours. None is linked.
set -euo pipefail

command -v npm >/dev/null || "$(dirname "$0")/tools.sh" nodejs npm
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
for package in "$@"; do
  name=${package%@*} version=${package##*@}
  installed=$(npm ls -g --depth=0 --parseable --long 2>/dev/null | sed -n "s|.*:$name@||p")
  [ "${installed%%:*}" = "$version" ] && continue
  echo "installing: $package"
  "${as_root[@]}" npm install -g --silent --no-audit --no-fund "$package" >/dev/null
done
