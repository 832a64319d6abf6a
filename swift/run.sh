#!/usr/bin/env bash
# Runs a program that swift/build.sh has built; it becomes this process.
#
#   swift/run.sh [--release] PROGRAM [ARGUMENTS…]
set -euo pipefail
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
profile=debug
if [[ ${1:-} == --release ]]; then
  profile=release
  shift
fi
program=$folder/Programs/.build/$profile/$1
shift
if [[ ! -x $program ]]; then
  echo "run.sh: $program is not there: run swift/build.sh $profile first" >&2
  exit 1
fi
exec "$folder/toolchain.sh" exec "$program" "$@"
