#!/usr/bin/env bash
# Reads the machine code of a CUDA library and fails if it is not what it should be; writes what each kernel takes.
#   cmake/machine_code.sh CUOBJDUMP LIBRARY TABLE.md
# Rules: no kernel spills registers (STL and LDL are local memory), and those that stand for tensor-core work use the
# tensor cores: HMMA and IMMA everywhere, HGMMA and IGMMA in what is compiled for 9.0 alone.
set -euo pipefail
cuobjdump=$1 library=$2 table=$3
PATH=$PATH:$(dirname "$cuobjdump") # where nvdisasm is
demangle=cat
if command -v c++filt >/dev/null; then demangle=c++filt; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# architecture, kernel, registers, stack, shared memory
"$cuobjdump" --dump-resource-usage "$library" | awk '
  /^arch = / { arch = $3 }
  /^ *Function / { name = $2; sub(/:$/, "", name) }
  /REG:/ {
    if (name == "") next
    split("", value)
    for (i = 1; i <= NF; i++) { split($i, pair, ":"); value[pair[1]] = pair[2] }
    print arch "\t" name "\t" value["REG"] "\t" value["STACK"] "\t" value["SHARED"]
    name = ""
  }' | sort >"$work/resources"

# architecture, kernel, instructions, local memory accesses, then tensor-core instructions by kind
"$cuobjdump" -sass "$library" | awk '
  function flush() {
    if (name != "") print arch "\t" name "\t" count "\t" spills "\t" hmma "\t" imma "\t" hgmma "\t" igmma
    name = ""
  }
  /^arch = / { flush(); arch = $3; next }
  /^[ \t]*Function : / { flush(); name = $3; count = spills = hmma = imma = hgmma = igmma = 0; next }
  /^[ \t]*\/\*[0-9a-f]+\*\/ / {
    count++
    if ($0 !~ /HMMA|IMMA|GMMA|STL|LDL/) next
    if ($0 ~ / HMMA/) hmma++
    else if ($0 ~ / IMMA/) imma++
    else if ($0 ~ / HGMMA/) hgmma++
    else if ($0 ~ / IGMMA/) igmma++
    else if ($0 ~ / (STL|LDL)/) spills++
  }
  END { flush() }' | sort >"$work/code"

[ -s "$work/code" ] || { echo "$library: cuobjdump found no kernels in it" >&2; exit 1; }

{
  echo '# Machine code of the CUDA kernels'
  echo
  echo 'Written by `cmake/machine_code.sh` from `libespalier_cuda`, which the build checks by it. Registers are per thread,'
  echo 'shared memory is the static part, in bytes; "local" counts instructions that touch local memory (spills: none allowed).'
  echo
  echo '| kernel | architecture | registers | shared | instructions | local | HMMA | IMMA | HGMMA | IGMMA |'
  echo '|---|---|---|---|---|---|---|---|---|---|'
  join -t "$(printf '\t')" <(awk -F '\t' '{ print $2 "@" $1 "\t" $3 "\t" $5 }' "$work/resources" | sort) \
    <(awk -F '\t' '{ print $2 "@" $1 "\t" $3 "\t" $4 "\t" $5 "\t" $6 "\t" $7 "\t" $8 }' "$work/code" | sort) |
    sed 's/@\(sm_[0-9a-z]*\)\t/\t\1\t/' | "$demangle" |
    sed -E 's/\(anonymous namespace\):://g; s/[a-z_]+::_GLOBAL__N__[0-9a-z_]+:://g; s/espalier::gpu:://g; s/^void //; s/\([^\t]*\)\t/\t/' |
    awk -F '\t' '{ gsub(/\|/, "\\|"); printf "| `%s` |", $1; for (i = 2; i <= NF; i++) printf " %s |", $i; print "" }' | sort
} >"$table.new"

faults=$work/faults
# Spills.
awk -F '\t' '$4 > 0 { print $2 " (" $1 "): " $4 " instructions touch local memory: registers are spilled" }' \
  "$work/code" >"$faults"
# What has to be on the tensor cores: a pattern of mangled names, of architectures, the column, its name.
while read -r names architectures column instruction; do
  awk -F '\t' -v names="$names" -v architectures="$architectures" -v column="$column" -v instruction="$instruction" '
    $2 ~ names && $1 ~ architectures { seen = 1; if ($column == 0) print $2 " (" $1 "): no " instruction " in it" }
    END { if (!seen) print "no kernel " names " for " architectures ": the rule in machine_code.sh is out of date" }' \
    "$work/code" >>"$faults"
done <<'RULES'
gemm_mma_kernelI6__half sm_ 5 HMMA
gemm_mma_kernelI13__nv_bfloat16 sm_ 5 HMMA
gemm_mma_kernelIa sm_ 6 IMMA
RULES
if [ -s "$faults" ]; then
  "$demangle" <"$faults" >&2
  exit 1
fi
mv "$table.new" "$table"
