#!/usr/bin/env bash
# Makes this folder buildable with Maven: lays the native library that cargo built into the
# resources, generates the Kotlin half of the binding, and installs the module into the local
# repository (~/.m2). Does only what is not done yet.
#
#   kotlin/develop.sh [debug|release]     after: cargo build -p relaypass-uniffi -p relaypass-bindgen
#
# RELAYPASS_DEVELOP_ONLY=1: stops before Maven.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
root=$(dirname -- "$PWD")

profile=${1:-debug}
# A relative one is meant from the repository's root, where cargo is called.
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target

# The folder where JNA looks for the library of this platform.
case $(uname -s) in
  Darwin) system=darwin library=librelaypass_ffi.dylib ;;
  *) system=linux library=librelaypass_ffi.so ;;
esac
case $(uname -m) in
  arm64 | aarch64) machine=aarch64 ;;
  *) machine=x86-64 ;;
esac
resources=src/main/resources/$system-$machine

built=$target/$profile/$library
# The generator is built in the profile that builds fastest.
generator=$target/debug/relaypass-bindgen
for file in "$built" "$generator"; do
  if [[ ! -x $file ]]; then
    echo "$file is not there: run cargo build -p relaypass-uniffi -p relaypass-bindgen first" >&2
    exit 1
  fi
done

if ! cmp -s "$built" "$resources/$library"; then
  mkdir -p "$resources"
  # Renamed into place: a process that runs the old one keeps it.
  cp "$built" "$resources/$library.new"
  mv "$resources/$library.new" "$resources/$library"
fi

generated=target/generated-sources/uniffi/dev/relaypass/generated/relaypass_ffi.kt
looked_at=target/generated
if [[ ! -f $generated || $built -nt $looked_at || $generator -nt $looked_at || develop.sh -nt $looked_at ||
  ../bindings/uniffi/uniffi.toml -nt $looked_at ]]; then
  raw=target/bindgen
  rm -rf "$raw"
  mkdir -p "$raw" "$(dirname -- "$generated")"
  # From the root: the generator finds uniffi.toml through cargo. From the archive: a shared library
  # that is stripped has lost its interface.
  (cd "$root" && "$generator" kotlin "${built%.*}.a" "$OLDPWD/$raw")
  # Unchanged code is not compiled again.
  if ! cmp -s "$raw/dev/relaypass/generated/relaypass_ffi.kt" "$generated"; then
    mv "$raw/dev/relaypass/generated/relaypass_ffi.kt" "$generated"
  fi
  touch "$looked_at"
fi

[[ ${RELAYPASS_DEVELOP_ONLY:-} != 1 ]] || exit 0
stamp=target/developed
if [[ ! -f $stamp ]] || [[ -n $(find src/main pom.xml "$generated" -newer "$stamp" -print -quit) ]]; then
  # A class whose source is gone must not stay in the jar. Another library alone changes no class.
  if [[ ! -f $stamp ]] || [[ -n $(find src/main/kotlin pom.xml "$generated" -newer "$stamp" -print -quit) ]]; then
    # And what stands on them is compiled again, which the compiler does not see by itself.
    rm -rf target/classes target/test-classes target/kotlin-ic target/classpath
  fi
  mvn -q -B -Dstyle.color=never -Dmaven.test.skip=true install
  touch "$stamp"
fi
