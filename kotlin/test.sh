#!/usr/bin/env bash
# Tests the Kotlin package: its own tests, and its jar in a fresh project.
#
# Needs: cargo build -p relaypass-uniffi -p relaypass-bindgen -p relaypass-cli \
#   --features relaypass-uniffi/test-hooks
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

./develop.sh
./compile.sh test
./test-jar.sh
