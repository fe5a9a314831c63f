#!/usr/bin/env bash
# Runs everything on a GPU machine, from an unpacked bundle, and writes one dated record. Needs a driver only.
#   ./run.sh [--out DIR] [--seconds N] [--library PATH]
#     --out       where gpu-DATE.md, gpu-DATE.json and gpu-DATE.log are written (default: results)
#     --seconds   that all of it may take; what does not fit is skipped, and said (default: 570)
#     --library   a backend's library to use in place of a card's, such as the emulator: shapes are tiny then
# Ends with 1 if something failed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
out=results seconds=570 library=
while [ $# -gt 0 ]; do
  case $1 in
  --out) out=${2:?--out needs a folder} ;;
  --seconds) seconds=${2:?--seconds needs a number} ;;
  --library) library=$(readlink -f "${2:?--library needs a file}") ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
  esac
  shift 2
done
stand_in=false ops=100 golden=$here/golden/models tiny=()
if [ -n "$library" ]; then
  # A fixture that takes seconds on the emulator.
  stand_in=true ops=1 golden=$(find "$here/golden/models" -mindepth 1 -maxdepth 1 -type d | sort | sed -n 1p) tiny=(--tiny --rounds 1)
fi
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/espalier-gpu.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export HOME=${HOME:-$work} XDG_CACHE_HOME=$work/cache
name=gpu-$(date -u +%Y-%m-%d-%H%M)
log=$out/$name.log
steps_json=$work/steps.json steps_md=$work/steps.md
: >"$log" && : >"$steps_json" && : >"$steps_md" || exit 1
failed=0

java() {
  "$here/java/bin/java" -XX:+UseSerialGC -Xmx8g ${library:+"-Despalier.cudaLibrary=$library"} "$@"
}
espalier() { java -jar "$here/espalier.jar" "$@"; }

note() { # NAME VERDICT SECONDS
  echo "| $1 | $2 | $3 |" >>"$steps_md"
  [ ! -s "$steps_json" ] || printf ',' >>"$steps_json"
  printf '\n    {"step": "%s", "verdict": "%s", "seconds": %s}' "$1" "$2" "$3" >>"$steps_json"
  printf '%-34s %-8s %4s s\n' "$1" "$2" "$3"
}

skip() { # NAME WHY
  echo "SKIPPED: $1: $2" | tee -a "$log"
  note "$1" "skipped: $2" 0
}

# Runs a command with its output in $work/NAME.txt, at most MOST seconds and what is left of all. A function runs in a
# subshell, which is ended with all that it started.
step() { # NAME MOST COMMAND...
  local name=$1 most=$2 start=$SECONDS left=$((seconds - SECONDS)) verdict code
  shift 2
  if [ "$left" -lt 5 ]; then
    skip "$name" 'no time left'
    return 1
  fi
  [ "$most" -lt "$left" ] || most=$left
  echo "== $name" >>"$log"
  set -m
  ("$@") >"$work/$name.txt" 2>&1 &
  local child=$!
  (sleep "$most" && kill -- -"$child") >/dev/null 2>&1 &
  local guard=$!
  set +m
  wait "$child"
  code=$?
  kill -- -"$guard" 2>/dev/null
  wait "$guard" 2>/dev/null
  cat "$work/$name.txt" >>"$log"
  case $code in
  0) verdict=pass ;;
  143 | 137) verdict="stopped after $most s" ;;
  *) verdict="FAIL ($code)" ;;
  esac
  note "$name" "$verdict" $((SECONDS - start))
  [ $code = 0 ] && return
  failed=$((failed + 1))
  tail -n 5 "$work/$name.txt"
  return 1
}

# ---- the machine
card=unknown driver=unknown clocks=unknown capability=
if command -v nvidia-smi >/dev/null; then
  ask() { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1; }
  card=$(ask name) driver=$(ask driver_version) capability=$(ask compute_cap)
  clocks="SM $(ask clocks.sm) now, $(ask clocks.max.sm) at most; memory $(ask clocks.mem) now; power limit $(ask power.limit)"
elif ! $stand_in; then
  echo 'there is no nvidia-smi here; going on' | tee -a "$log"
fi
! $stand_in || card='no card: the emulator'
nvcc=$(command -v nvcc || true)
[ -n "$nvcc" ] || { [ -x /usr/local/cuda/bin/nvcc ] && nvcc=/usr/local/cuda/bin/nvcc; }
[ -z "$nvcc" ] || PATH=$PATH:$(dirname "$nvcc")

# ---- natives for this very card, where they can be built
build() {
  local code=${capability/./}
  [ "$code" != 90 ] || code=90a
  cmake -S "$here/source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DESPALIER_CUDA=REQUIRE \
    "-DESPALIER_CUDA_CODE=-gencode=arch=compute_$code,code=sm_$code" &&
    cmake --build "$work/build" --parallel "$(nproc)" --target espalier espalier_cuda simt_ops_test
}
ops_test=
if $stand_in; then
  skip build 'a library was given'
elif [ -z "$nvcc" ] || ! command -v cmake >/dev/null; then
  skip build 'there is no nvcc or no cmake; the library that came along is used'
elif step build 240 build; then
  library=$work/build/native/libespalier_cuda.so
  ops_test=$(find "$work/build" -name simt_ops_test -type f | head -n 1)
fi
export ESPALIER_CUDA_LIBRARY=$library

# ---- correctness
step doctor 30 espalier doctor
for dtype in fp32 fp16 bf16; do
  step "ops-$dtype" 60 espalier parity --ops $ops --seed "$(date +%Y%m%d)" --dtype $dtype --backend cuda
done
step goldens 60 espalier parity --golden "$golden" --backend cuda
if [ -n "$ops_test" ]; then
  ESPALIER_SEED=random step native-ops 60 "$ops_test"
else
  skip native-ops 'it was not built'
fi
minilm() {
  espalier embed --model "$here/models/minilm-q.jar" --backend cuda --in "$here/sentences.txt" --out "$work/cuda.npy" &&
    espalier embed --model "$here/models/minilm-q.jar" --backend cpu --in "$here/sentences.txt" --out "$work/cpu.npy" &&
    if command -v python3 >/dev/null; then
      python3 "$here/compare_vectors.py" "$work/cuda.npy" "$work/cpu.npy" 0.99
    fi
}
if ! [ -f "$here/models/minilm-q.jar" ]; then
  skip minilm 'the bundle has no model'
elif $stand_in; then
  skip minilm 'too long for the emulator'
else
  step minilm 60 minilm
fi

# ---- speed, before the slow tools
if step bench 150 java -cp "$here/bench.jar:$here/lib/*:$here/espalier.jar" dev.espalier.bench.DeviceBench \
  --out "$work/bench.json" ${tiny[@]+"${tiny[@]}"}; then
  if command -v python3 >/dev/null && python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    step pytorch 120 python3 "$here/compare_torch.py" "$work/bench.json" "$work/torch.json"
  else
    skip pytorch 'python3 has no PyTorch with CUDA here'
  fi
fi

# ---- what the hardware's own tools see
for tool in memcheck racecheck; do
  if ! command -v compute-sanitizer >/dev/null; then
    skip $tool 'there is no compute-sanitizer'
  elif [ -z "$ops_test" ]; then
    skip $tool 'native-ops was not built'
  else
    step $tool 90 compute-sanitizer --tool $tool --error-exitcode 9 "$ops_test"
  fi
done

# ---- the record
embed() { # FILE: as JSON, or null
  if [ -s "$1" ]; then cat "$1"; else printf 'null'; fi
}
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n' ' '; }
{
  printf '{\n  "date": "%s",\n  "commit": "%s",\n' "$(date -u +%FT%TZ)" "$(cat "$here/commit")"
  printf '  "card": "%s",\n  "driver": "%s",\n  "clocks": "%s",\n' "$(quoted "$card")" "$(quoted "$driver")" "$(quoted "$clocks")"
  printf '  "emulated": %s,\n  "failed": %d,\n  "steps": [' $stand_in $failed
  cat "$steps_json"
  printf '\n  ],\n  "bench": '
  embed "$work/bench.json"
  printf ',\n  "pytorch": '
  embed "$work/torch.json"
  printf '\n}\n'
} >"$out/$name.json"
{
  printf '# GPU record, %s\n\n' "$(date -u '+%F %H:%M UTC')"
  ! $stand_in || printf 'No card: the emulator stood in. Its times say nothing.\n\n'
  printf '| | |\n|---|---|\n| card | %s |\n| driver | %s |\n| clocks | %s |\n| commit | %s |\n\n' \
    "$card" "$driver" "$clocks" "$(cat "$here/commit")"
  printf '| step | verdict | seconds |\n|---|---|---|\n'
  cat "$steps_md"
  for text in doctor ops-fp32 ops-fp16 ops-bf16 goldens minilm bench pytorch; do
    if [ -s "$work/$text.txt" ]; then
      # shellcheck disable=SC2016  # Markdown's own quotes
      printf '\n## %s\n\n```\n%s\n```\n' "$text" "$(tail -n 60 "$work/$text.txt")"
    fi
  done
} >"$out/$name.md"
echo "$out/$name.md, .json and .log"
[ $failed = 0 ]
