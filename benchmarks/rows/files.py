"""Files."""

from __future__ import annotations

import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from hpmask import Mask
from rows.common import Row, Work, big_mask, big_moc, moc_ranges, peer, same_sky, sky_points


def files(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="hpmask-peers-") as directory:
        yield from files_rows(Path(directory), quick)


def files_rows(directory: Path, quick: bool) -> Iterator[Row]:
    mask = big_mask((1, 1), quick)
    ours, theirs = directory / "hpmask.fits", directory / "mocpy.fits"
    writes = [Work("hpmask", "Mask.write", lambda: mask.write(ours, overwrite=True))]
    reads = [Work("hpmask", "Mask.read", lambda: Mask.read(ours))]
    if peer("mocpy"):
        moc, load = big_moc((1, 1), quick), peer("mocpy").MOC.load
        writes.append(Work("mocpy", "MOC.save(format='fits')", lambda: moc.save(str(theirs), "fits", overwrite=True)))
        reads.append(Work("mocpy", "MOC.load(format='fits')", lambda: load(str(theirs), "fits")))

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        yield (
            "hpmask",
            "read back equal" if results["hpmask"] == mask else "not what was written",
            results["hpmask"] == mask,
        )
        if "mocpy" in results:
            yield "mocpy", *same_sky(mask.planes[0], moc_ranges(results["mocpy"]))

    size = f"{mask.n_ranges / 1e6:.2f} million ranges"
    yield Row(f"write a MOC FITS file of {size}", writes)
    if peer("mocpy"):
        title = f"the same, where both write to the disk (fsync) and rename: {size}"
        yield Row(title, [writes[0], on_disk(moc, theirs)])
    yield Row(f"read a MOC FITS file of {size}", reads, compare)


def on_disk(moc: Any, path: Path) -> Work:
    """mocpy, with what `Mask.write` promises: at any moment, the path has a whole file, also after a power cut."""
    temporary = path.with_suffix(".tmp")

    def save() -> None:
        moc.save(str(temporary), "fits", overwrite=True)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)

    return Work("mocpy", "MOC.save(format='fits'), os.fsync and os.replace", save)


def healpix_files(quick: bool) -> Iterator[Row]:
    """Masks in full HEALPix files that healpy wrote."""
    if not peer("healpy"):
        return
    order = 9 if quick else 12
    lon, lat = sky_points(300 if quick else 3000, 21)
    mask = ~Mask.from_cones(SkyCoord(lon, lat, unit="deg"), 0.5 * u.deg, order=order)
    with tempfile.TemporaryDirectory(prefix="hpmask-peers-") as directory:
        for nest in (False, True):
            values = mask.to_healpix(nest=nest)
            for dtype in (np.bool_, np.uint8, np.float32):
                yield healpix_file_row(Path(directory) / "mask.fits", mask, values.astype(dtype), nest)


def healpix_file_row(path: Path, mask: Mask, values: np.ndarray, nest: bool) -> Row:
    healpy, scheme = peer("healpy"), "NESTED" if nest else "RING"
    healpy.write_map(path, values, nest=nest, coord="C", dtype=values.dtype, overwrite=True)

    def with_healpy() -> Mask:
        # In the order of the file, as reordering would only take more time.
        return Mask.from_healpix(healpy.read_map(path, nest=None), nest=nest, frame="icrs")

    def compare(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
        for tool, found in results.items():
            yield tool, "the mask that was written" if found == mask else "another mask", found == mask

    works = [
        Work("hpmask", "Mask.read", lambda: Mask.read(path)),
        Work("healpy", "read_map, Mask.from_healpix", with_healpy),
    ]
    row = Row(f"read a mask of nside {1 << mask.order} from a {scheme} HEALPix file of {values.dtype}", works, compare)
    tracemalloc.start()
    Mask.read(path)
    row.cells["hpmask memory"] = f"{tracemalloc.get_traced_memory()[1] / values.nbytes:.2f} x file"
    tracemalloc.stop()
    return row
