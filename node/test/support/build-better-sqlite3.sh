#!/usr/bin/env bash
# Compiles better-sqlite3 for the one test that needs it, once. `npm ci` runs no scripts of packages
# here, and its prebuilt binary would come from outside the registry. With the headers that came
# with node, if they did, nothing is downloaded at all.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

[[ ! -f node_modules/better-sqlite3/build/Release/better_sqlite3.node ]] || exit 0

prefix=$(node -p 'path.resolve(process.execPath, "../..")')
[[ ! -f $prefix/include/node/node.h ]] || export npm_config_nodedir=$prefix
npm_config_build_from_source=true npm rebuild better-sqlite3 --loglevel=silent >/dev/null ||
  echo "better-sqlite3 cannot be compiled here: the test of its store is skipped." >&2
