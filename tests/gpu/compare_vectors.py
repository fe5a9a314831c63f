#!/usr/bin/env python3
"""Compares two files of fp32 vectors (.npy) row by row: compare_vectors.py A B LEAST-COSINE. Needs Python alone."""
import array
import ast
import math
import struct
import sys


def read(path):
    with open(path, "rb") as f:
        if f.read(6) != b"\x93NUMPY":
            raise SystemExit(f"{path}: not a .npy file")
        major = f.read(2)[0]
        size = struct.unpack("<H", f.read(2))[0] if major == 1 else struct.unpack("<I", f.read(4))[0]
        header = ast.literal_eval(f.read(size).decode("latin1"))
        if header["descr"] != "<f4" or header["fortran_order"]:
            raise SystemExit(f"{path}: {header}, expected rows of <f4")
        values = array.array("f", f.read())
    rows, columns = header["shape"]
    return [values[r * columns:(r + 1) * columns] for r in range(rows)]


def main():
    a, b, least = read(sys.argv[1]), read(sys.argv[2]), float(sys.argv[3])
    if len(a) != len(b) or not a:
        raise SystemExit(f"{len(a)} and {len(b)} rows")
    cosines = []
    for x, y in zip(a, b):
        norm = math.sqrt(sum(v * v for v in x) * sum(v * v for v in y))
        cosines.append(sum(v * w for v, w in zip(x, y)) / norm if norm > 0 else math.nan)
    print(f"{len(cosines)} vectors, least cosine {min(cosines):.6f}, mean {sum(cosines) / len(cosines):.6f}")
    # A NaN must not pass.
    sys.exit(0 if all(c >= least for c in cosines) else 1)


if __name__ == "__main__":
    main()
