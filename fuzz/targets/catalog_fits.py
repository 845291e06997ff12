"""Catalogs in FITS tables, against astropy."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from fuzz.doors.catalogs import one_file, sources
from fuzz.doors.tables import bytes_of, packed
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing

__all__ = ["LARGEST", "mutate", "one", "seeds"]

LARGEST = 40_000
mutate = packing(
    fits_mutator(
        (
            "TTYPE1  = 'ra'",
            "TTYPE2  = 'dec'",
            "TTYPE3  = 'GLON'",
            "TTYPE4  = 'GLAT'",
            "TTYPE1  = '_healpix_29'",
            "TUNIT1  = 'rad'",
            "TUNIT1  = 'h'",
            "TUNIT2  = 'arcsec'",
            "TUCD2   = 'pos.eq.ra;meta.main'",
            "TUCD3   = 'pos.eq.dec;meta.main'",
            "RADESYS = 'FK4'",
            "EQUINOX = 1950.0",
            "TNULL1  = -99",
            "TSCAL2  = 0.5",
            "TZERO2  = 1.0",
            "TDIM1   = '(3,2)'",
            "TDISP1  = 'F5.2'",
            "THEAP   = 16",
            "PCOUNT  = 80",
            "ZTABLE  = T",
        ),
        ("'PD(9)'", "'1PE()'", "'8X'", "'20A'", "'0D'", "'F12.6'", "'I5'"),
    )
)


def one(data: bytes) -> None:
    one_file(data, ".fits", "fits")


def seeds() -> dict[str, bytes]:
    table = fits.table_to_hdu(sources())
    odd = [
        fits.Column("RA", "I", unit="deg", bzero=2**15, array=np.linspace(0, 300, 9).astype(np.uint16)),
        fits.Column("DEC", "J", unit="deg", null=-99, array=np.arange(9)),
        fits.Column("list", "PE()", array=np.array([np.arange(i, dtype=np.float32) for i in range(9)], object)),
        fits.Column("flags", "8X", array=np.zeros((9, 8), bool)),
        fits.Column("image", "6E", dim="(2,3)", array=np.zeros((9, 3, 2))),
    ]
    text = [
        fits.Column(name, form, unit="deg", array=sources()[name])
        for name, form in (("RAJ2000", "F12.6"), ("DEJ2000", "E15.7"))
    ]
    plain = bytes_of([fits.PrimaryHDU(), table])
    return {
        "plain": plain,
        "second": bytes_of(
            [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]), table]
        ),
        "odd": bytes_of([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(odd)]),
        "text": bytes_of([fits.PrimaryHDU(), fits.TableHDU.from_columns(text)]),
        "packed": packed(plain),
    }
