#!/usr/bin/env bash
# kotlin/run.sh MAINCLASS [ARGUMENT…]: runs one of the programs that are compiled with the tests.
#
#   kotlin/run.sh examples.ThreeStepsKt                the three steps
#   kotlin/run.sh tests.crash.WorkerKt                 a worker of tests/crash
#   kotlin/run.sh tests.bench.FlowsKt COUNT AT_ONCE WARMUP    a benchmark; also BindingKt [ROUNDS], CallbackKt [ROUNDS]
#
# Compiles and asks Maven for the classpath only when something changed since; otherwise it is `java`
# at once. After: kotlin/develop.sh
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
classpath=$here/target/classpath

stale() {
  [[ ! -f $classpath ]] || [[ -n $(find "$here/src" "$here/pom.xml" "$here/../examples" \
    "$here/../tests/crash/workers" "$here/../tests/bench" "$here/../tests/cross/programs" \
    \( -name '*.kt' -o -name '*.java' -o -name '*.so' -o -name '*.dylib' -o -name pom.xml \) \
    -newer "$classpath" -print -quit) ]]
}

if stale; then
  mkdir -p "$here/target"
  (
    # Of several programs started at once, one builds.
    exec 9> "$here/target/run.lock"
    if command -v flock >/dev/null; then flock 9; fi
    stale || exit 0
    cd "$here"
    # Standard output is the program's.
    ./compile.sh -q test-compile >&2
  )
fi
exec java -XX:+UseSerialGC -cp "$(<"$classpath")" "$@"
