#!/usr/bin/env bash
# kotlin/compile.sh [OPTION…] PHASE: runs Maven up to that phase, which compiles the tests and programs,
# and leaves the classpath for kotlin/run.sh, which then need not compile again.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

classpath=target/classpath
mvn -B -ntp -Dstyle.color=never "$@" dependency:build-classpath \
  -Dmdep.includeScope=test -Dmdep.outputFile="$classpath.dependencies"
printf '%s:%s:%s' "$PWD/target/test-classes" "$PWD/target/classes" "$(<"$classpath.dependencies")" >"$classpath.new"
mv "$classpath.new" "$classpath"
