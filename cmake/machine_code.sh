#!/usr/bin/env bash
# Reads the machine code of a CUDA library and fails if it is not what it should be; writes what each kernel takes.
#   cmake/machine_code.sh CUOBJDUMP LIBRARY TABLE.md
# Rules: no kernel uses local memory (that is where spilled registers go); and those that stand for
# tensor-core work use the tensor cores: HMMA and IMMA, and HGMMA and IGMMA in what is compiled for 9.0 alone.
set -euo pipefail
cuobjdump=$1 library=$2 table=$3
PATH=$PATH:$(dirname "$cuobjdump") # where nvdisasm is
demangle=cat
if command -v c++filt >/dev/null; then demangle=c++filt; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# kernel, architecture, registers, stack, shared memory
"$cuobjdump" --dump-resource-usage "$library" | awk '
  /^arch = / { arch = $3 }
  /^ *Function / { name = $2; sub(/:$/, "", name) }
  /REG:/ {
    if (name == "") next
    for (i = 1; i <= NF; i++) { split($i, pair, ":"); value[pair[1]] = pair[2] }
    print name "\t" arch "\t" value["REG"] "\t" value["STACK"] + value["LOCAL"] "\t" value["SHARED"]
    name = ""
  }' | sort >"$work/resources"
[ -s "$work/resources" ] || { echo "$library: cuobjdump found no kernels in it" >&2; exit 1; }

# kernel, architecture, instructions, tensor-core instructions by kind. The other architectures' code comes from the
# same PTX as that of 8.0; disassembling takes long.
for arch in sm_80 sm_90a; do
  grep -q "	$arch	" "$work/resources" || continue
  "$cuobjdump" -sass -arch "$arch" "$library" | awk -v arch="$arch" '
    function flush() {
      if (name != "") print name "\t" arch "\t" count "\t" hmma "\t" imma "\t" hgmma "\t" igmma
      name = ""
    }
    /^[ \t]*Function : / { flush(); name = $3; count = hmma = imma = hgmma = igmma = 0; next }
    /^[ \t]*\/\*[0-9a-f]+\*\/ / {
      count++
      if ($0 !~ /MMA/) next
      if ($0 ~ / HMMA/) hmma++
      else if ($0 ~ / IMMA/) imma++
      else if ($0 ~ / HGMMA/) hgmma++
      else if ($0 ~ / IGMMA/) igmma++
    }
    END { flush() }'
done | sort >"$work/code"

{
  echo '# Machine code of the CUDA kernels'
  echo
  echo 'Written by `cmake/machine_code.sh` from `libespalier_cuda`, which the build checks by it: no kernel spills'
  echo 'registers, and those on the tensor cores have their instructions. Registers are per thread, by architecture (those of'
  echo '`gemm_sm90_kernel` are moved from its copying to its multiplying threads at run time); shared memory is the static part, in'
  echo 'bytes; instructions are those of the first architecture.'
  echo
  echo '| kernel | registers | shared | instructions | HMMA | IMMA | HGMMA | IGMMA |'
  echo '|---|---|---|---|---|---|---|---|'
  awk -F '\t' '
    NR == FNR {
      registers[$1] = registers[$1] (registers[$1] == "" ? "" : ", ") substr($2, 4) ": " $3 ($4 > 0 ? " (" $4 " B spilled)" : "")
      if (!($1 in shared)) shared[$1] = $5  # of 8.0; from 9.0 on 1024 bytes more are the system
      next
    }
    { print $1 "\t" registers[$1] "\t" shared[$1] "\t" $3 "\t" $4 "\t" $5 "\t" $6 "\t" $7 }' \
    "$work/resources" "$work/code" | "$demangle" |
    sed -E 's/\(anonymous namespace\):://g; s/espalier::gpu:://g; s/^void //; s/\([^\t]*\)\t/\t/' |
    awk -F '\t' '{ printf "| `%s` |", $1; for (i = 2; i <= NF; i++) printf " %s |", $i; print "" }' | sort
} >"$table.new"

faults=$work/faults
awk '$4 > 0 { print $1 " (" $2 "): " $4 " bytes of local memory: registers are spilled, or an array is not in them" }' \
  "$work/resources" >"$faults"
# What has to be on the tensor cores: a pattern of mangled names, the column, the instruction.
while read -r names column instruction; do
  awk -F '\t' -v names="$names" -v column="$column" -v instruction="$instruction" '
    $1 ~ names { seen = 1; if ($column == 0) print $1 " (" $2 "): no " instruction " in it" }
    END { if (!seen) print "no kernel is called " names ": the rule in machine_code.sh is out of date" }' \
    "$work/code" >>"$faults"
done <<'RULES'
gemm_mma_kernelI6__half 4 HMMA
gemm_mma_kernelI13__nv_bfloat16 4 HMMA
gemm_mma_kernelIa 5 IMMA
gemm_sm90_kernelI6__half 6 HGMMA
gemm_sm90_kernelI13__nv_bfloat16 6 HGMMA
gemm_sm90_kernelIa 7 IGMMA
attention_half_kernel 4 HMMA
RULES
if [ -s "$faults" ]; then
  "$demangle" <"$faults" >&2
  exit 1
fi
mv "$table.new" "$table"
