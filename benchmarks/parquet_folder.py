"""A mask of a thousand million ranges in a folder of tiles: its size, and what a cut-out of it reads and takes.

    python benchmarks/parquet_folder.py [--ranges 1e9] [--folder /tmp]

It needs 2 GB on the disk for 1e9 ranges, which it removes at the end, and Linux, which counts the bytes that are read.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hpmask import RangeSet, io
from hpmask.io.parquet_folder import bounds_of, finish, write_tile

TILE_ORDER, ORDER = 5, 16

CUT_OUT = """
import resource, sys, time
from hpmask import Mask, io
def read_bytes():
    return int(open("/proc/self/io").read().split()[1])
small = Mask.from_regions("icrs; circle(40, 10, 1)", order=12)
import pyarrow.parquet
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, at = read_bytes(), time.perf_counter()
mask = Mask.read(sys.argv[1], within=small)
took, after = time.perf_counter() - at, read_bytes()
end = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"cut-out of 1 deg around a position: {mask.n_ranges} ranges, "
      f"{(after - before) / 1e6:.2f} MB read in {took:.3f} s, "
      f"{(end - start) / 1e3:.0f} MB of memory on top of {start / 1e3:.0f}")
at = time.perf_counter()
area = io.folder_area(sys.argv[1])
print(f"area: {area:.6f} in {time.perf_counter() - at:.3f} s")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranges", type=float, default=1e9)
    parser.add_argument("--folder", default=None)
    args = parser.parse_args()
    # What is made anew in any case need not reach the disk.
    os.fsync = lambda descriptor: None
    n_tiles = 12 << 2 * TILE_ORDER
    n = int(args.ranges) // n_tiles
    mean = 4 ** (ORDER - TILE_ORDER) / (2 * n)
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        mask = Path(folder, "mask")
        start, total = time.perf_counter(), 0
        for tile in range(n_tiles):
            low, high = bounds_of(tile, TILE_ORDER)
            steps = rng.geometric(1 / mean, 2 * n)
            ends = low + (np.cumsum(steps).astype(np.uint64) << np.uint64(2 * (29 - ORDER)))
            ends = ends[: np.searchsorted(ends, high) // 2 * 2]
            plane = RangeSet(ends.reshape(-1, 2), ORDER)
            total += plane.n_ranges
            write_tile(mask, tile, TILE_ORDER, [plane], ORDER)
        took = time.perf_counter() - start
        start = time.perf_counter()
        finish(mask, order=ORDER, tile_order=TILE_ORDER)
        size = sum(path.stat().st_size for path in mask.rglob("*.parquet"))
        print(f"{total} ranges in {n_tiles} tiles: {size / 1e9:.3f} GB, written in {took:.0f} s, ", end="")
        print(f"index {(mask / '_hpmask.parquet').stat().st_size / 1e6:.2f} MB in {time.perf_counter() - start:.1f} s")
        print("area", io.folder_area(mask), flush=True)
        subprocess.run([sys.executable, "-c", CUT_OUT, str(mask)], check=True)


if __name__ == "__main__":
    main()
