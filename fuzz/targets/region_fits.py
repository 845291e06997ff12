"""FITS region files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import (
    CircleAnnulusPixelRegion,
    CirclePixelRegion,
    EllipsePixelRegion,
    PixCoord,
    PolygonPixelRegion,
    RectanglePixelRegion,
    Regions,
)

from fuzz.doors.regions import one_file
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask.wcs import field_wcs

__all__ = ["mutate", "one", "seeds"]

mutate = packing(
    fits_mutator(
        (
            "TTYPE1  = 'SHAPE'",
            "TTYPE2  = 'X'",
            "TUNIT2  = 'deg'",
            "TFORM2  = '2D'",
            "MTYPE1  = 'sky'",
            "MFORM1  = 'x,y'",
        ),
        ("'CIRCLE'", "'!CIRCLE'", "'ELLIPSE'", "'16A'"),
    )
)


_WCS, _ = field_wcs(SkyCoord(10, 20, unit="deg"), "60 deg", binsz="1 deg")


def one(data: bytes) -> None:
    # The regions package knows regions in pixels only in these files.
    one_file(data, ".fits", wcs=_WCS)


def seeds() -> dict[str, bytes]:
    regions = [
        CirclePixelRegion(PixCoord(30, 30), 8),
        EllipsePixelRegion(PixCoord(10, 40), 12, 6, 30 * u.deg),
        RectanglePixelRegion(PixCoord(50, 10), 8, 9),
        CircleAnnulusPixelRegion(PixCoord(20, 20), 3, 6),
        PolygonPixelRegion(PixCoord([1, 12, 12], [1, 1, 12])),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.fits"
        Regions(regions).write(path, format="fits")
        return {"pixels": path.read_bytes()}
