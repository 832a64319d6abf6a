#!/usr/bin/env bash
# Tests the Swift package: its own tests, and that what its README shows compiles.
#
#   swift/test.sh [OPTIONS OF swift test]       such as --filter StoreTests
#
# Needs: cargo build -p relaypass-uniffi -p relaypass-bindgen -p relaypass-cli \
#   --features relaypass-uniffi/test-hooks
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

./develop.sh
# One line for each scenario is enough.
./toolchain.sh run swift test "$@" 2>&1 | grep -v "^◇ Passing"
if [[ $# == 0 ]]; then ./build.sh; fi
