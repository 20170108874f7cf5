#!/usr/bin/env bash
# Brings axe-core, which judges our pages (MPL-2.0, used in tests alone), to bin/axe.min.js: one version, known by its
# sum.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.14.1
sum=FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==
[ "$(cat bin/axe.version 2>/dev/null)" != "$version" ] || [ ! -s bin/axe.min.js ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "fetching: axe-core $version"
npm pack --silent --pack-destination "$work" "axe-core@$version" >/dev/null
[ "$(openssl dgst -sha512 -binary "$work/axe-core-$version.tgz" | base64 -w0)" = "$sum" ] || { echo "axe-core $version is not what it was"; exit 1; }
mkdir -p bin
tar -xzf "$work/axe-core-$version.tgz" -C "$work" package/axe.min.js
mv "$work/package/axe.min.js" bin/axe.min.js
echo "$version" >bin/axe.version
