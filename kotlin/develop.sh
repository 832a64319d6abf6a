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

# Puts `internal` before every declaration of the outermost level that is not `private` or `internal`
# already, so that nothing generated shows in the module's API: the Kotlin compiler then refuses a
# public declaration of ours that mentions one. The level is known by counting braces; annotations
# and the end of a comment on the same line stay in front.
make_internal() {
  awk '
    function count(text, brace,   copy) { copy = text; return gsub(brace, "", copy) }
    {
      line = $0
      # Its warnings are not ours.
      # A callback runs whatever happens: were it cancelled before it begins, Rust would never be
      # answered. And by itself it changes no thread: all of ours begin by going to where they belong.
      sub(/GlobalScope\.launch coroutineBlock@/,
        "GlobalScope.launch(kotlinx.coroutines.Dispatchers.Unconfined, kotlinx.coroutines.CoroutineStart.UNDISPATCHED) coroutineBlock@", line)
      # The place for the status of a native call is used again: making one costs as much as the call.
      if (sub(/var status = UniffiRustCallStatus\(\)/, "var status = dev.relaypass.SpareStatus.take()", line)) reused++
      if (sub(/^    uniffiCheckCallStatus\(errorHandler, status\)/, "&; dev.relaypass.SpareStatus.putBack(status)", line)) reused++
      if (line ~ /^@file:Suppress/) { print "@file:Suppress(\"warnings\")"; next }
      if (depth == 0) {
        match(line, /^[ \t]*(\*\/)?[ \t]*(@[A-Za-z.]+(\([^)]*\))?[ \t]+)*/)
        before = substr(line, 1, RLENGTH)
        rest = substr(line, RLENGTH + 1)
        sub(/^public[ \t]+/, "", rest)
        if (rest ~ /^(abstract|annotation|class|const|data|enum|fun|inline|interface|object|open|sealed|suspend|typealias|val|value|var)[ \t<]/)
          line = before "internal " rest
      }
      print line
      text = $0
      sub(/^[ \t]*\*\//, "", text)  # code may follow the end of a comment,
      sub(/^[ \t]*(\/\/|\*|\/\*).*/, "", text)  # which may hold a brace of its own
      depth += count(text, "[{(]") - count(text, "[})]")
    }
    END {
      if (depth != 0) { print "unbalanced braces in the generated code" > "/dev/stderr"; exit 1 }
      if (reused != 2) { print "the generated code calls differently" > "/dev/stderr"; exit 1 }
    }
  '
}

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
  make_internal < "$raw/dev/relaypass/generated/relaypass_ffi.kt" > "$generated.new"
  # Unchanged code is not compiled again.
  if cmp -s "$generated.new" "$generated"; then rm "$generated.new"; else mv "$generated.new" "$generated"; fi
  touch "$looked_at"
fi

[[ ${RELAYPASS_DEVELOP_ONLY:-} != 1 ]] || exit 0
stamp=target/developed
if [[ ! -f $stamp ]] || [[ -n $(find src/main pom.xml "$generated" -newer "$stamp" -print -quit) ]]; then
  # A class whose source is gone must not stay in the jar. Another library alone changes no class.
  if [[ ! -f $stamp ]] || [[ -n $(find src/main/kotlin pom.xml "$generated" -newer "$stamp" -print -quit) ]]; then
    # And what stands on them is compiled again, which the compiler does not see by itself.
    rm -rf target/classes target/test-classes target/kotlin-ic
  fi
  mvn -q -B -Dstyle.color=never -Dmaven.test.skip=true install
  touch "$stamp"
fi
