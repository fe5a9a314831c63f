#!/usr/bin/env bash
# Checks the format of native/, kernels/ and tests/ with the one clang-format version that decides; --fix applies it.
set -u
version=19.1.7
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) && cd "$root" || exit 1
mode=(--dry-run --Werror)
[ "${1:-}" != --fix ] || mode=(-i)

# From the PyPI wheel, into the build folder: formatters of other versions differ.
tool=build/tools/clang-format-$version
if ! [ -x "$tool/clang_format/data/bin/clang-format" ]; then
  if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "espalier: the format of native code was NOT checked: clang-format $version comes with pip (apt-get install python3-pip)" >&2
    exit 0
  fi
  rm -rf "$tool.new" && mkdir -p "$tool.new" || exit 1
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$tool.new" \
    "clang-format==$version" 2>"$tool.new/log"; then
    tail -n 2 "$tool.new/log" >&2
    echo "espalier: the format of native code was NOT checked: pip could not install clang-format $version" >&2
    exit 0
  fi
  rm -rf "$tool" && mv "$tool.new" "$tool" || exit 1
fi

files=()
while IFS= read -r -d '' file; do files+=("$file"); done < <(
  find native kernels tests cmake \( -name target -o -name build \) -prune -o \
    \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print0 2>/dev/null | sort -z
)
[ ${#files[@]} -gt 0 ] || exit 0
"$tool/clang_format/data/bin/clang-format" "${mode[@]}" "${files[@]}" && exit 0
echo 'espalier: apply the format with cmake/format.sh --fix' >&2
exit 1
