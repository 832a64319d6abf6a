#!/usr/bin/env bash
# Makes this folder a package that others can depend on by its path: lays the native library that
# cargo built into native/, and what is generated from it into Sources/. Does only what is not done
# yet.
#
#   swift/develop.sh [debug|release]     after: cargo build -p relaypass-uniffi -p relaypass-bindgen
#
# Then .package(path: "…/swift") is all that another package needs.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
root=$(dirname -- "$PWD")

profile=${1:-debug}
# A relative one is meant from the repository's root, where cargo is called.
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target

case $(uname -s) in
  Linux) platform=linux-$(uname -m) ;;
  *)
    echo "develop.sh: on Apple platforms Package.swift takes native/relaypass_ffi.xcframework" >&2
    exit 1
    ;;
esac

archive=$target/$profile/librelaypass_ffi.a
generator=$target/debug/relaypass-bindgen
[[ -x $generator ]] || generator=$target/$profile/relaypass-bindgen
for built in "$archive" "$generator"; do
  if [[ ! -f $built ]]; then
    echo "$built is not there: run cargo build -p relaypass-uniffi -p relaypass-bindgen first" >&2
    exit 1
  fi
done

laid=native/$platform/librelaypass_ffi.a
from=native/$platform/from
header=Sources/relaypass_ffiFFI
generated=Sources/RelayPassGenerated/RelayPassGenerated.swift
state=$(stat -c '%n %Y %s' "$archive" "$generator")
if [[ -f $laid && -f $generated && -f $header/module.modulemap && -f $from && $(<"$from") == "$state" ]]; then
  exit 0
fi

mkdir -p "native/$platform" "$header" "$(dirname "$generated")"
rm -f "$from"
# Debug information would make linking slow; panics keep the names of functions without it.
if command -v strip >/dev/null; then
  strip --strip-debug -o "$laid.new" "$archive"
else
  cp "$archive" "$laid.new"
fi
mv "$laid.new" "$laid"

new=$(mktemp -d native/generated.XXXXXX)
trap 'rm -rf "$new"' EXIT
# The interface is in the archive; a stripped shared library has lost it.
"$generator" swift "$archive" "$new"
mv "$new/relaypass_ffiFFI.h" "$new/module.modulemap" "$header/"
# Always a new file: SwiftPM does not see that an archive changed, but compiles and links for this.
mv "$new/RelayPassGenerated.swift" "$generated"
echo "$state" >"$from"
