"""Masks of catalogs that do not fit in memory: time for each star, shares of the steps, memory of the workers.

Run ``python benchmarks/scale.py --stars 2e7 --workers 2 --folder /tmp/scale``. It writes synthetic stars as parquet
files (magnitudes with counts that grow as 10**(0.3 mag), radii by a law of magnitude), makes a mask of them, checks the
first file against `hpmask.Mask.from_catalog`, and looks up all stars in the mask. The folder needs 40 bytes for each
star and is removed in the end, unless --keep is given.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pyarrow as pa
from astropy.table import Table
from pyarrow import parquet

from hpmask import Mask, MaskSet, scale
from hpmask.catalog.laws import MagnitudeLaw

# Radii of masks around stars, as surveys have them: minutes of arc for bright stars, seconds for faint ones.
LAW = MagnitudeLaw("mag", {6: "5 arcmin", 10: "1 arcmin", 14: "20 arcsec", 18: "8 arcsec", 21: "4 arcsec"})
COLUMNS = ["mag"]


def write_stars(folder: Path, n_stars: int, n_files: int, sorted_by_sky: bool) -> None:
    """Files of stars that are spread over the sky at random; or each file a part of the sky, as those of Gaia."""
    folder.mkdir(parents=True, exist_ok=True)
    per_file = n_stars // n_files
    for k in range(n_files):
        path = folder / f"stars-{k:04}.parquet"
        if path.exists():
            continue
        rng = np.random.default_rng(k)
        low, high = (-1 + 2 * k / n_files, -1 + 2 * (k + 1) / n_files) if sorted_by_sky else (-1, 1)
        uniform = rng.random(per_file)
        # 10**(0.3 mag) between magnitudes 6 and 21.
        a, b = 10 ** (0.3 * 6), 10 ** (0.3 * 21)
        columns = {
            "ra": rng.uniform(0, 360, per_file),
            "dec": np.degrees(np.arcsin(rng.uniform(low, high, per_file))),
            "mag": (np.log10(a + uniform * (b - a)) / 0.3).astype(np.float32),
        }
        parquet.write_table(pa.table(columns), path, row_group_size=1 << 20, compression="snappy")


class Watch:
    """The memory and the processor time of the processes below this one."""

    def __init__(self) -> None:
        self.peak: dict[int, int] = {}
        self.ticks: dict[int, int] = {}
        self._end = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.2):
            for process in _below(os.getpid()):
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                for line in status.splitlines():
                    if line.startswith("VmHWM"):
                        self.peak[process] = int(line.split()[1]) << 10
                self.ticks[process] = int(fields[11]) + int(fields[12])

    @property
    def seconds(self) -> float:
        """Processor time of all of them."""
        return sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")

    def report(self) -> str:
        own = [f"{size / 1e9:.2f}" for _, size in sorted(self.peak.items()) if size > 1e8]
        return f"processor {self.seconds:.1f} s, peak memory (GB) {', '.join(own)}"


def _below(process: int) -> list[int]:
    found = [process]
    for one in found:
        try:
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


def shares(path: Path, order: int, n_files: int) -> None:
    """Where the time of a worker goes, in this process and on one thread, for one of some files."""
    # Tiles with about as many stars as those of all files have.
    tile_order = max(0, round(3 - np.log2(n_files) / 2))
    import hpmask
    from hpmask.catalog.rows import find_rows
    from hpmask.io.parquet_folder import write_tile
    from hpmask.regions.batches import Shapes, columns_of
    from hpmask.regions.rasterize import union_and_misses
    from hpmask.scale.pieces import in_pieces, tables_of
    from hpmask.scale.ranges import RangesFile, RangesWriter, united

    times: dict[str, float] = {}

    def timed(name, function):
        start = time.process_time()
        result = function()
        times[name] = times.get(name, 0) + time.process_time() - start
        return result

    n_stars = n_ranges = 0
    spill = path.with_suffix(".ranges")
    with hpmask.set_num_threads(1):
        catalog = in_pieces(path)
        with open(spill, "wb") as file:
            writer = RangesWriter(file, order, tile_order)
            for piece in catalog.pieces:
                for _, table in timed("reading", lambda piece=piece: list(tables_of(piece, ["ra", "dec", "mag"]))):
                    rows = timed("rows and law", lambda table=table: find_rows(table, {"radius": LAW}, "stars"))
                    batch = timed(
                        "rows and law",
                        lambda rows=rows: columns_of(Shapes.cones(rows.center, **rows.sizes), "icrs", None)[0],
                    )
                    plane = timed(
                        "rasterizing", lambda batch=batch: union_and_misses(batch, order=order, mode="center")[0]
                    )
                    timed("spilling", lambda plane=plane: writer.add([plane]))
                    n_stars += len(table)
                    n_ranges += plane.n_ranges
            timed("spilling", lambda: writer.close({"ranges": n_ranges}))
        packed = RangesFile(spill, order, tile_order)
        folder = path.with_suffix(".tiles")
        for tile in packed.tiles.tolist():
            planes = timed("uniting", lambda tile=tile: united(packed.blocks(tile), order, 1))
            timed("writing tiles", lambda tile=tile, planes=planes: write_tile(folder, tile, tile_order, planes, order))
    total = sum(times.values())
    print(f"\none thread, {n_stars:.3g} stars: {total / n_stars * 1e9:.0f} ns of processor time a star, of which")
    for name, seconds in times.items():
        print(f"  {name:14} {seconds / n_stars * 1e9:6.0f} ns  {seconds / total:5.0%}")
    print(f"  {n_ranges / n_stars:.2f} ranges and {spill.stat().st_size / n_stars:.2f} bytes of the first step a star")
    spill.unlink()
    shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stars", type=float, default=2e7)
    parser.add_argument("--files", type=int, default=0, help="by default one for 2 million stars")
    parser.add_argument("--order", type=int, default=14)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sorted", action="store_true", help="each file has the stars of a part of the sky")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/hpmask-scale"))
    parser.add_argument("--distributed", action="store_true", help="a LocalCluster in place of Dask's own processes")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--no-flags", action="store_true")
    options = parser.parse_args()
    n_stars = int(options.stars)
    n_files = options.files or max(1, n_stars // 2_000_000)
    stars, target = options.folder / "stars", options.folder / "mask"
    write_stars(stars, n_stars, n_files, options.sorted)
    n_stars = n_stars // n_files * n_files
    size = sum(path.stat().st_size for path in stars.iterdir())
    print(f"{n_stars:.3g} stars in {n_files} files, {size / 1e9:.2f} GB")
    shares(sorted(stars.glob("*.parquet"))[0], options.order, n_files)

    shutil.rmtree(target, ignore_errors=True)
    workers: object = options.workers
    cluster = None
    if options.distributed:
        from distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=None)
        workers = Client(cluster)
    start = time.perf_counter()
    with Watch() as watch:
        scale.from_catalog(
            str(stars), LAW, order=options.order, folder=target, workers=workers, progress=sys.stderr.isatty()
        )
    wall = time.perf_counter() - start
    print(
        f"\nmask on {options.workers} workers: {wall:.1f} s, {wall * options.workers / n_stars * 1e9:.0f} ns a star "
        f"and worker, {watch.report()}"
    )
    files = list((target / "dataset").rglob("*.parquet"))
    size = sum(path.stat().st_size for path in files)
    start = time.perf_counter()
    mask = Mask.read(target)
    print(
        f"mask: {mask.n_ranges:.3g} ranges, {len(files)} tiles, {size / 1e6:.0f} MB, read in "
        f"{time.perf_counter() - start:.2f} s; {mask.sky_fraction:.4f} of the sky"
    )
    if not options.no_flags:
        import dask
        import dask.dataframe as dd

        table = dd.read_parquet(sorted(map(str, stars.glob("*.parquet"))), columns=["ra", "dec"], split_row_groups=True)
        masks = MaskSet({"star": mask, "rest": ~mask})
        for name, answers in (
            ("flags of two layers", scale.flags(masks, table)),
            ("contains, by the folder of tiles", scale.contains(target, table)),
        ):
            start = time.perf_counter()
            with Watch() as watch, dask.config.set(scheduler="processes", num_workers=options.workers):
                total = answers.sum().compute()
            wall = time.perf_counter() - start
            print(
                f"\n{name}: {wall:.1f} s, {wall * options.workers / n_stars * 1e9:.0f} ns a row and worker, "
                f"{watch.report()}; sum {total}"
            )
    start = time.perf_counter()
    table = Table.read(sorted(stars.glob("*.parquet"))[0])
    one = Mask.from_catalog(table, LAW, order=options.order)
    print(f"\nthe stars of one file are in the mask: {one <= mask} ({time.perf_counter() - start:.1f} s)")
    if n_files == 1:
        print(f"and the mask is that of Mask.from_catalog: {one == mask}")
    if cluster is not None:
        cluster.close()
    if not options.keep:
        shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
