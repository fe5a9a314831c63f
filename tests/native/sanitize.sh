#!/usr/bin/env bash
# The native tests, then the Java tests that call native code, against a build with sanitizers (in build/sanitize).
#   tests/native/sanitize.sh [native|java|all] [MAVEN ARGUMENT...]     -Dtest=... selects Java tests
#   SANITIZERS=thread tests/native/sanitize.sh native                  other sanitizers
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root"
sanitizers=${SANITIZERS:-address,undefined}
what=all
case ${1:-} in native | java | all) what=$1 && shift ;; esac

export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
if [ "$what" != java ]; then
  ASAN_OPTIONS=detect_stack_use_after_return=1 cmake/build.sh -s "$sanitizers" -t
fi
[ "$what" != native ] || exit 0

if [[ $sanitizers != *address* ]]; then
  echo "espalier: Java runs with address in SANITIZERS only, not with $sanitizers" >&2
  exit 1
fi
home=${JAVA_HOME:-$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")}
./mvnw -B -ntp -q -DskipTests -pl java/runtime process-classes
natives=$root/build/sanitize/natives
ESPALIER_JNI_SOURCE=$root/java/runtime/target/jni/jniEspalier.cpp ESPALIER_JAVA_HOME=$home \
  ESPALIER_NATIVES_DIR=$natives cmake/build.sh -s "$sanitizers" natives
# The runtime must be there before the JVM, which was not built with it, and libstdc++ with it: the runtime looks up the
# real __cxa_throw when it starts, and aborts at the first exception if there was none then.
runtime=
for library in libasan.so libstdc++.so; do
  runtime=$runtime${runtime:+:}$(realpath "$("${CXX:-c++}" -print-file-name=$library)")
done
./mvnw -B -ntp -Psanitize "-Dsanitize.natives=$(dirname "$(ls "$natives"/*/index)")" "-Dsanitize.runtime=$runtime" \
  -Dsurefire.failIfNoSpecifiedTests=false -pl java/runtime,tests/parity -am test "$@"
