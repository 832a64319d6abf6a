#!/usr/bin/env bash
# kotlin/test-jar.sh [debug|release]: the packed jar, used as a reader of the README would: a fresh
# Maven project with nothing but its coordinates takes the three steps against the sandbox. No library
# path is set, and nothing of this checkout is on the classpath.
#
# After: kotlin/develop.sh, cargo build -p relaypass-cli
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname -- "$here")
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target
cli=${RELAYPASS_CLI:-$target/debug/relaypass}

RELAYPASS_DEVELOP_ONLY=1 "$here/develop.sh" "${1:-debug}"

# The jar is deployed into a repository of its own: the fresh project can have it from nowhere else.
repository=$here/target/test-repository
project=$here/target/test-project
rm -rf "$repository" "$project"
mkdir -p "$repository" "$project/src/main/kotlin"
(
  cd "$here"
  mvn -q -B -Dstyle.color=never -Dmaven.test.skip=true \
    -DaltDeploymentRepository="packed::file://$repository" deploy
)
version=$("$root/packaging/version")
jar=$repository/dev/relaypass/relaypass/$version/relaypass-$version.jar
entries=$(jar tf "$jar")
grep -Eq '^(linux|darwin)-(x86-64|aarch64)/librelaypass_ffi\.(so|dylib)$' <<<"$entries" ||
  { echo "FAILED: the jar holds no native library" >&2; exit 1; }
# Nothing of the tests and the programs may be in it.
if grep -Evq '^(META-INF/.*|(linux|darwin)-.*|dev/|dev/relaypass/.*)$' <<<"$entries"; then
  echo "FAILED: the jar holds what it should not:" >&2
  grep -Ev '^(META-INF/.*|(linux|darwin)-.*|dev/|dev/relaypass/.*)$' <<<"$entries" >&2
  exit 1
fi

of_pom() { sed -n "s|.*<$1>\(.*\)</$1>.*|\1|p" "$here/pom.xml" | head -n 1; }
cat > "$project/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fresh</groupId>
  <artifactId>fresh</artifactId>
  <version>1</version>
  <repositories>
    <repository><id>packed</id><url>file://$repository</url></repository>
  </repositories>
  <dependencies>
    <dependency>
      <groupId>dev.relaypass</groupId>
      <artifactId>relaypass</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
  <build>
    <sourceDirectory>src/main/kotlin</sourceDirectory>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.kotlin</groupId>
        <artifactId>kotlin-maven-plugin</artifactId>
        <version>$(of_pom kotlin.version)</version>
        <executions>
          <execution>
            <phase>compile</phase>
            <goals><goal>compile</goal></goals>
            <configuration><jvmTarget>17</jvmTarget></configuration>
          </execution>
        </executions>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.9.0</version>
      </plugin>
    </plugins>
  </build>
</project>
POM
cp "$root/examples/ThreeSteps.kt" "$project/src/main/kotlin/"

# An earlier installation into the user's repository must not be found in its place; all other
# artifacts may come from there.
installed=$(mvn -q -B -Dstyle.color=never -f "$here/pom.xml" help:evaluate -Dexpression=settings.localRepository -DforceStdout)
local=$project/repository
mkdir -p "$local/dev"
for entry in "$installed"/*; do [[ ${entry##*/} == dev ]] || ln -s "$entry" "$local/"; done
for entry in "$installed"/dev/*; do
  [[ ! -e $entry || ${entry##*/} == relaypass ]] || ln -s "$entry" "$local/dev/"
done
(
  cd "$project"
  # No compiler process stays behind.
  mvn -q -B -Dstyle.color=never -Dmaven.repo.local="$local" -Dkotlin.compiler.daemon=false \
    compile dependency:build-classpath -Dmdep.outputFile=classpath
)
grep -q "$local/dev/relaypass/relaypass/$version/relaypass-$version.jar" "$project/classpath"

# Without the sandbox's own output, whose first line says where it listens.
coproc sandbox { exec "$cli" sandbox --until-stdin-closes; }
pid=$sandbox_PID
trap 'kill "$pid" 2>/dev/null || true' EXIT
read -r ready <&"${sandbox[0]}"
member() { sed -E "s/.*\"$1\": ?\"([^\"]*)\".*/\1/" <<<"$ready"; }
said=$(
  cd /
  env -u LD_LIBRARY_PATH RELAYPASS_BASE_URL="$(member url)" RELAYPASS_API_KEY="$(member production_api_key)" \
    java -cp "$project/target/classes:$(<"$project/classpath")" examples.ThreeStepsKt
)
if [[ $(tail -n 1 <<<"$said") != passed ]]; then
  echo "FAILED: the packed jar, in a fresh project, says: $said" >&2
  exit 1
fi
echo "The packed jar works in a fresh project: $said ($(du -h "$jar" | cut -f 1), $(basename "$jar"))"
