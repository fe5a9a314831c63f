# Sourced by compare, texts and ops: `build` makes target/classpath where that is missing or a source is newer, sets
# `java` and exports the environment that all peers run in.
bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$bench/../.." && pwd -P)
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

stale() {
  [ -f "$bench/target/built" ] && [ -f "$bench/target/classpath" ] || return 0
  [ -n "$(cd "$root" && find pom.xml CMakeLists.txt cmake native java/runtime/pom.xml java/runtime/src/main \
    java/hub/pom.xml java/hub/src/main java/compress/pom.xml java/compress/src/main tests/bench/pom.xml tests/bench/src/main \
    -newer "$bench/target/built" -print -quit 2>/dev/null)" ]
}

build() {
  if stale; then
    local maven=mvn log=$bench/target/build.log
    if [ -x "$root/mvnw" ]; then maven=$root/mvnw; fi
    mkdir -p "$bench/target" || exit 1
    touch "$bench/target/built.new" || exit 1
    echo "building (log: $log)" >&2
    if ! "$maven" -f "$root/pom.xml" -B -ntp -q -DskipTests -pl tests/bench -am package >"$log" 2>&1; then
      tail -n 40 "$log" >&2
      echo "the build failed; the whole log is $log" >&2
      exit 1
    fi
    mv "$bench/target/built.new" "$bench/target/built" || exit 1
  fi
  # Not as an option: ONNX Runtime's telemetry runs a recursive regular expression over the command line, and overflows
  # the stack of the calling thread where that is a few thousand characters long.
  CLASSPATH=$bench/target/classes:$(cat "$bench/target/classpath")
  # Nobody measures with another's telemetry in the background, or waits for a network.
  export CLASSPATH ORT_DISABLE_TELEMETRY=1 OPT_OUT_TRACKING=true RUST_FLAVOR=cpu
}
