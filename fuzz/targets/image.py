"""FITS images with a WCS, and the images that a mask is drawn on, against the HDUs of astropy."""

from __future__ import annotations

import io as streams
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from fuzz.checks import as_file, check_mask, check_round_trip, equal, outcome
from fuzz.doors.tables import bytes_of, packed
from fuzz.mutators.fits import fits_mutator
from fuzz.mutators.packed import packing
from hpmask import EnergyAxis, Mask, MaskFormatError
from hpmask.wcs import field_wcs

__all__ = ["LARGEST", "REAL", "mutate", "one", "seeds"]

LARGEST = 40_000
REAL = (
    "wcs/sip-wcs.fits",
    "wcs/dist.fits",
    "wcs/galactic_2d.fits",
    "wcs/fermi_template_S147.fits.gz",
    "wcs/fermi_template_W44.fits.gz",
    "wcs/fermi_template_FornaxA.fits.gz",
    "masks/GammaCygni_exclusion_mask.fits.gz",
)
_PROJECTIONS = (
    "AZP SZP TAN STG SIN ARC ZPN ZEA AIR CYP CEA CAR MER SFL PAR MOL AIT COP COE COD COO BON PCO TSC CSC QSC HPX XPH"
)
mutate = packing(
    fits_mutator(
        (
            "CTYPE1  = 'GLON-CAR'",
            "CTYPE2  = 'GLAT-CAR'",
            "CTYPE1  = 'RA---TAN-SIP'",
            "CTYPE2  = 'DEC--TAN-SIP'",
            "CTYPE1  = 'RA---TPV'",
            "CTYPE2  = 'DEC--TPV'",
            "CTYPE1  = 'RA---TAB'",
            "CTYPE3  = 'ENERGY'",
            "CUNIT1  = 'rad'",
            "CUNIT3  = 'MeV'",
            "RADESYS = 'FK4'",
            "EQUINOX = 1950.0",
            "LONPOLE = 0.0",
            "LATPOLE = 90.0",
            "CROTA2  = 45.0",
            "PC1_1   = 0.0",
            "CD1_1   = 0.1",
            "CDELT1  = 0.0",
            "CRPIX1  = 1e300",
            "CRVAL2  = 90.0",
            "PV1_1   = 1e10",
            "PV2_1   = 45.0",
            "A_ORDER = 2",
            "A_2_0   = 1.0E-3",
            "A_ORDER = 99",
            "NAXIS   = 3",
            "NAXIS3  = 1",
            "BSCALE  = 2.0",
            "BZERO   = 1",
            "BLANK   = 0",
            "BITPIX  = -32",
            "BITPIX  = 16",
            "CPDIS1  = 'LOOKUP'",
            "D2IMDIS1= 'LOOKUP'",
            "WCSAXES = 3",
            "BANDSHDU= 'EBOUNDS'",
            "BUNIT   = 'deg'",
            "WCSNAMEA= 'x'",
        ),
        [f"'{axis}{name}'" for name in _PROJECTIONS.split() for axis in ("RA---", "DEC--", "GLON-", "GLAT-")],
    )
)

_AXIS = EnergyAxis([0.1, 1, 10, 100] * u.GeV)
_FULL = Mask.full(order=3, energy=_AXIS)


def one(data: bytes) -> None:
    path = as_file(data, "i.fits")
    options: dict[str, Any] = {"nan": "exclude", "order": 5, "n_threads": 1}
    mask = outcome(lambda: Mask.from_wcs(path, **options), path)
    if mask is None:
        # Of an image of other values than 0 and 1.
        options["threshold"] = 0.5
        mask = outcome(lambda: Mask.from_wcs(path, **options), path)
    drawn = outcome(lambda: _FULL.to_wcs(path), path, (MaskFormatError, ValueError), "of the mask's")
    if drawn is not None and drawn.dtype != np.bool_:
        raise TypeError(f"an image of {drawn.dtype}")
    if mask is None:
        return
    check_mask(mask)
    check_round_trip(mask)
    _compare_with_hdu(mask, path, options)


def _compare_with_hdu(mask: Mask, path: Path, options: dict[str, Any]) -> None:
    """The only image of a file is read as the HDU of astropy is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            hdus = fits.open(path, memmap=False)
            images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) >= 2]
        except Exception:
            return
        with hdus:
            # With a card of the size twice, readers take one or the other.
            size = [card for card in ("BITPIX", "NAXIS", "NAXIS1", "NAXIS2") if images and card in images[0].header]
            if len(images) != 1 or any(images[0].header.count(card) > 1 for card in size):
                return
            try:
                again = Mask.from_wcs(images[0], **options, energy=mask.energy)
            except (TypeError, ValueError):
                return
    equal(mask, again, "read from the HDU of astropy")


def seeds() -> dict[str, bytes]:
    def header(projection: str, **more: object) -> tuple[fits.Header, tuple[int, int]]:
        wcs, shape = field_wcs(
            SkyCoord(83, 22, unit="deg"), "4 deg", height="3 deg", binsz="0.5 deg", projection=projection
        )
        cards = wcs.to_header()
        cards.update(more)
        return cards, shape

    cards, shape = header("TAN")
    pixels = np.indices(shape).sum(0) % 2
    sip, _ = header("TAN", CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-3, B_0_2=-1e-3)
    cube, _ = header("AIT", WCSAXES=3, CTYPE3="ENERGY", CUNIT3="MeV", CRVAL3=100.0, CDELT3=10.0, CRPIX3=1.0)
    bounds = fits.BinTableHDU.from_columns(
        [
            fits.Column("CHANNEL", "I", array=[1, 2, 3]),
            fits.Column("E_MIN", "E", unit="keV", array=_AXIS.energy_min.to_value(u.keV)),
            fits.Column("E_MAX", "E", unit="keV", array=_AXIS.energy_max.to_value(u.keV)),
        ],
        name="EBOUNDS",
    )
    compressed = streams.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels.astype(np.int16), cards)]).writeto(compressed)
    plain = bytes_of([fits.PrimaryHDU(pixels.astype(np.uint8), cards)])
    return {
        "plain": plain,
        "floats": bytes_of([fits.PrimaryHDU(np.where(pixels, 1, np.nan).astype("f4"), header("CAR")[0])]),
        "scaled": bytes_of([fits.PrimaryHDU(pixels.astype(np.uint16), header("ZEA")[0])]),
        "sip": bytes_of([fits.PrimaryHDU(np.ones(shape, np.uint8), sip)]),
        "cube": bytes_of([fits.PrimaryHDU(np.stack([pixels] * 3).astype("i4"), cube), bounds]),
        "compressed": compressed.getvalue(),
        "packed": packed(plain),
    }
