#!/usr/bin/env bash
# Makes this folder importable by its path: lays the native addon that cargo built into native/ and
# compiles the TypeScript into dist/. Does only what is not done yet.
#
#   node/develop.sh [debug|release]       after: cargo build -p relaypass-node [--release]
#   node/develop.sh fetch                 only what needs no built addon: packages, and dist/
#
# Then require('…/node') and import('…/node/dist/index.mjs') work.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
root=$(dirname -- "$PWD")

profile=${1:-debug}
# A relative one is meant from the repository's root, where cargo is called.
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target

# npm writes this copy of the lock file when it has installed what the lock file says.
if [[ ! -f node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi

if [[ ! -f dist/index.mjs ]] || [[ -n $(find src tsconfig.json package.json -newer dist/index.mjs -print -quit) ]]; then
  rm -rf dist
  node_modules/.bin/tsc --project tsconfig.json
fi
[[ $profile != fetch ]] || exit 0

# The name under which src/native.ts looks for it.
case $(uname -s) in
  Darwin) library=librelaypass_node.dylib ;;
  *) library=librelaypass_node.so ;;
esac
name=relaypass.$(node -p 'process.platform + "-" + process.arch')
if [[ $name == *.linux-* ]]; then
  libc=$(ldd --version 2>&1 || true) # musl's says what it is, and fails
  if grep -qi musl <<<"$libc"; then name+=-musl; else name+=-gnu; fi
fi

built=$target/$profile/$library
if [[ ! -f $built ]]; then
  echo "$built is not there: run cargo build -p relaypass-node first" >&2
  exit 1
fi
addon=native/$name.node
if ! cmp -s "$built" "$addon"; then
  mkdir -p native
  # Renamed into place: a process that runs the old one keeps it.
  cp "$built" "$addon.new"
  mv "$addon.new" "$addon"
fi
