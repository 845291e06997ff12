"""FITS files of masks and maps that are small and always the same, and cards that mean something in them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from hpmask import EnergyAxis, Mask, RangeSet

__all__ = ["CARDS", "bytes_of", "masks", "packed", "table"]

CARDS = (
    "MOCVERS = '2.0'",
    "MOCVERS = '1.1'",
    "MOCDIM  = 'SPACE'",
    "MOCDIM  = 'TIME'",
    "MOCDIM  = 'TIME.SPACE'",
    "ORDERING= 'RANGE'",
    "ORDERING= 'NUNIQ'",
    "ORDERING= 'NESTED'",
    "ORDERING= 'RING'",
    "COORDSYS= 'C'",
    "COORDSYS= 'G'",
    "COORDSYS= 'E'",
    "MOCORD_S= 29",
    "MOCORD_S= 0",
    "MOCORDER= 8",
    "PIXTYPE = 'HEALPIX'",
    "NSIDE   = 2",
    "NSIDE   = 536870912",
    "INDXSCHM= 'EXPLICIT'",
    "INDXSCHM= 'IMPLICIT'",
    "INDXSCHM= 'SPARSE'",
    "OBJECT  = 'PARTIAL'",
    "FIRSTPIX= 0",
    "LASTPIX = 47",
    "HPMASK  = 1",
    "HPMASK  = 2",
    "NPLANES = 1",
    "NBINS   = 2",
    "NLAYERS = 2",
    "BIT     = 1",
    "LAYER   = 'a'",
    "INTERP  = 'lin'",
    "AXISNAME= 'x'",
    "TUNIT2  = 'TeV'",
    "TUNIT2  = 's'",
    "TNULL1  = 1",
    "TSCAL1  = 2.0",
    "TZERO1  = 1",
    "TZERO1  = 9223372036854775808",
    "TDIM1   = '(2,2)'",
    "TFORM1  = '1K'",
    "TFORM1  = '1J'",
    "TFORM1  = '1024E'",
    "BAD_DATA= -1",
    "UNSEEN  = 0",
    "THEAP   = 0",
    "PCOUNT  = 8",
    "GCOUNT  = 2",
    "ZIMAGE  = T",
    "ZCMPTYPE= 'RICE_1'",
    "EXTNAME = 'PLANE'",
    "EXTNAME = 'EBOUNDS'",
    "CONTINUE  'x&'",
    "HISTORY x",
    "HISTORY \\",
)
"""Cards that mean something to a reader of MOCs and HEALPix maps."""


def masks() -> dict[str, Mask]:
    """Small masks, with energy and without."""
    cells = RangeSet.from_cells(np.arange(0, 300, 7), 6)
    axis = EnergyAxis([0.1, 1, 30, 50] * u.TeV)
    planes = [cells, RangeSet.from_cells([5, 6, 9], 3), cells]
    return {
        "plain": Mask(cells, history="a line\nand one more \u00e9"),
        "energy": Mask(planes, energy=axis, order=6),
        "galactic": Mask(cells | RangeSet.from_cells([2], 0), frame="galactic"),
        "linear": Mask(
            planes[:2], energy=EnergyAxis([3, 2, 1] * u.eV, name="other", interp="lin"), order=7, frame="galactic"
        ),
        "empty": Mask.empty(order=3),
        "full": Mask.full(order=29),
    }


def bytes_of(hdus: Sequence[Any]) -> bytes:
    """The file of some HDUs of astropy, with sums."""
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file, checksum=True)
    return file.getvalue()


def table(columns: Sequence[tuple[str, str, Any]], **cards: Any) -> fits.BinTableHDU:
    """A table of columns (name, format, values), with cards."""
    hdu = fits.BinTableHDU.from_columns([fits.Column(name, form, array=values) for name, form, values in columns])
    hdu.header.update(cards)
    return hdu


def packed(content: bytes) -> bytes:
    """The same content in gzip, always with the same bytes."""
    return gzip.compress(content, mtime=0)
