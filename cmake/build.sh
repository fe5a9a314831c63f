#!/usr/bin/env bash
# Builds (and tests) the native part; ./mvnw calls it, and it can be called by hand.
#   cmake/build.sh [-s address,undefined] [-t] [CMAKE TARGET...]
#   cmake/build.sh -c
#     -t  run ctest afterwards
#     -c  build nothing: fail if sources are newer than the libraries, which Java tests would then run unawares
#     -s  build with these sanitizers, in build/sanitize instead of build/native
#   further CMake options: ESPALIER_CMAKE_OPTIONS="-DNAME=VALUE ..."
# What it did is in build/*/build.log; it is printed only when something fails.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || exit 1
folder=$root/build/native sanitize='' test=false check=false
while getopts 'cs:t' option; do
  case $option in
  c) check=true ;;
  s) sanitize=$OPTARG folder=$root/build/sanitize ;;
  t) test=true ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))

stamp=$folder/packed # as old as the beginning of the last build that gave Java its libraries
if $check; then
  library=$(find "${ESPALIER_NATIVES_DIR:?}" -name 'libespalier.so' -print -quit 2>/dev/null)
  if [ -z "$library" ]; then
    echo "espalier: SKIPPED: there is no native library in $ESPALIER_NATIVES_DIR, so every test of the cpu backend is" \
      "skipped and all others run on the java backend; build without -Dnative.skip to test it" >&2
    exit 0
  fi
  if ! [ -f "$stamp" ]; then
    echo "espalier: $library was not built from this checkout: build once without -Dnative.skip" >&2
    exit 1
  fi
  newer=$(cd "$root" && find CMakeLists.txt cmake native kernels \
    java/runtime/src/main/java/dev/espalier/bindings/{Espalier,NativeMemory}.java \
    -type f -newer "$stamp" -print -quit)
  if [ -n "$newer" ]; then
    echo "espalier: $newer is newer than $library, which tests would run: build once without -Dnative.skip" >&2
    exit 1
  fi
  exit 0
fi

missing() {
  echo "espalier: $1 is missing: install it ($2), or leave out the native code with -Dnative.skip" >&2
  exit 1
}
command -v cmake >/dev/null || missing 'CMake (3.22 or newer)' 'Debian, Ubuntu: apt-get install cmake'
compiler=
for candidate in "${CXX:-}" c++ g++ clang++; do
  if [ -n "$candidate" ] && command -v "${candidate%% *}" >/dev/null; then compiler=$candidate && break; fi
done
[ -n "$compiler" ] || missing 'a C++17 compiler' 'Debian, Ubuntu: apt-get install g++'
generator='Unix Makefiles'
if command -v ninja >/dev/null; then
  generator=Ninja
else
  command -v make >/dev/null || missing 'make or ninja' 'Debian, Ubuntu: apt-get install ninja-build'
fi

mkdir -p "$folder" || exit 1
log=$folder/build.log
run() {
  "$@" >>"$log" 2>&1 && return
  tail -n 200 "$log" >&2
  echo "espalier: failed: $*" >&2
  echo "espalier: the whole log is $log" >&2
  exit 1
}
: >"$log" || exit 1

# A build folder of another checkout or generator cannot be reused.
cache=$folder/CMakeCache.txt
if [ -f "$cache" ] && ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache" &&
  grep -qxF "CMAKE_GENERATOR:INTERNAL=$generator" "$cache"; }; then
  rm -rf "$cache" "$folder/CMakeFiles"
fi
options=(-DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_COMPILER=${compiler%% *}" "-DESPALIER_SANITIZE=$sanitize")
if [ -n "${ESPALIER_JNI_SOURCE:-}" ]; then
  options+=("-DESPALIER_JNI_SOURCE=$ESPALIER_JNI_SOURCE" "-DESPALIER_JAVA_HOME=$ESPALIER_JAVA_HOME"
    "-DESPALIER_NATIVES_DIR=$ESPALIER_NATIVES_DIR")
fi
# shellcheck disable=SC2206  # several options, separated by spaces
options+=(${ESPALIER_CMAKE_OPTIONS:-})
printf '%s\n' "$generator" "${options[@]}" >"$folder/options.new"
if ! [ -f "$cache" ] || ! cmp -s "$folder/options.new" "$folder/options"; then
  run cmake -S "$root" -B "$folder" -G "$generator" "${options[@]}"
  mv "$folder/options.new" "$folder/options"
fi
# Tests need the CUDA part compiled even where nothing can run it.
if $test && grep -qxF 'ESPALIER_CUDA:STRING=AUTO' "$cache" && [ -z "$sanitize" ]; then
  run cmake -DESPALIER_CUDA=BUILD "$folder"
  grep -h '^-- CUDA: only' "$log"
fi
touch "$folder/packed.new"
targets=()
[ $# = 0 ] || targets=(--target "$@")
run cmake --build "$folder" --parallel "$(nproc 2>/dev/null || echo 2)" ${targets[@]+"${targets[@]}"}
if [ -n "${ESPALIER_JNI_SOURCE:-}" ]; then mv "$folder/packed.new" "$stamp"; fi

if $test; then
  echo "native tests${sanitize:+ with -fsanitize=$sanitize}:"
  (cd "$folder" && ctest --output-on-failure --no-tests=error --parallel 2 2>&1) | tee -a "$log" |
    grep -vE '^ *$|^Test project|^ +Start '
  exit "${PIPESTATUS[0]}"
fi
