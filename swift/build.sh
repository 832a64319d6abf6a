#!/usr/bin/env bash
# Builds the programs of Programs/ for swift/run.sh, and with them the code blocks of README.md.
#
#   swift/build.sh [debug|release]       after: cargo build -p relaypass-uniffi -p relaypass-bindgen
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
profile=${1:-debug}

./develop.sh "$profile"

# Each block in a function of its own: what it imports is above them all.
code=Programs/Sources/readme/main.swift
mkdir -p "${code%/*}"
awk '
  /^```swift$/ { inside = 1; printf "\n// README.md, line %d\nfunc block%d() async throws {\n", NR, ++blocks; next }
  /^```$/ { if (inside) print "}"; inside = 0; next }
  inside && /^import / { next }
  inside { print "  " $0 }
  END { if (!blocks) exit 1 }
' README.md >"$code.blocks"
{
  echo "// Made of README.md by build.sh."
  sed -n '/^```swift$/,/^```$/s/^import /import /p' README.md | sort -u
  cat "$code.blocks"
} >"$code.new"
rm "$code.blocks"
if cmp -s "$code.new" "$code"; then rm "$code.new"; else mv "$code.new" "$code"; fi

./toolchain.sh run swift build --package-path Programs -c "$profile"
