"""Checks of a FITS WCS: its numbers must be finite and its axes independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

__all__ = ["check_wcs", "header_advice", "radesys_advice"]

Floats = NDArray[np.float64]

_ZERO = "wcs has {} = 0, it must be the step from pixel to pixel"
_RADESYS = ("ICRS", "FK5", "FK4", "FK4-NO-E")
_OTHER_NAMES = {"J2000": "FK5", "J2000.0": "FK5", "B1950": "FK4", "B1950.0": "FK4"}


def check_wcs(wcs: WCS) -> None:
    """Raise if a number of a celestial WCS is NaN or infinite, or if its axes depend on each other.

    wcslib accepts such numbers silently, or reports a singular matrix without naming the keyword.

    Raises
    ------
    ValueError
        The message names the first keyword at fault and its value.
    """
    sky = [i for i, ctype in enumerate(wcs.wcs.ctype) if _is_sky(str(ctype))]
    if not sky:
        return
    for keyword, values in _numbers(wcs, sky):
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            place = tuple(bad[0])
            raise ValueError(f"wcs has {keyword(*place)} = {values[place]}, it must be a finite number")
    for name, tables in (("CPDIS", (wcs.cpdis1, wcs.cpdis2)), ("D2IMDIS", (wcs.det2im1, wcs.det2im2))):
        for i, table in enumerate(tables):
            if table is not None and not np.isfinite(table.data).all():
                raise ValueError(f"wcs has NaN or infinite values in the distortion table of {name}{i + 1}")
    if not wcs.wcs.has_cd():
        zero = np.flatnonzero(wcs.wcs.cdelt == 0)
        if zero.size:
            raise ValueError(_ZERO.format(f"CDELT{zero[0] + 1}"))
    name, matrix = _matrix(wcs)
    scale = np.abs(matrix).max(axis=1, keepdims=True)
    if not scale.all() or np.linalg.cond(matrix / scale) > 1e12:
        raise ValueError(
            f"wcs has a singular matrix {name}i_j = {matrix.tolist()}: its world axes must be independent of each other"
        )


def radesys_advice(wcs: Any) -> str:
    """The error message for a RADESYS that the FITS standard does not define; empty if there is no such fault."""
    name = str(wcs.wcs.radesys) if isinstance(wcs, WCS) else ""
    if name in ("", *_RADESYS):
        return ""
    plain = name.strip().upper()
    meant = _OTHER_NAMES.get(plain, plain)
    right = f"write {meant!r}" if meant in _RADESYS else f"it must be one of {', '.join(_RADESYS)}"
    return f"wcs has RADESYS = {name!r}, which FITS does not know: {right}"


def header_advice(header: fits.Header) -> str:
    """The error message for a header that astropy cannot turn into a WCS; empty if the reason is not known."""
    zero = next((card for card in header["CDELT*"] if header[card] == 0), None)
    return "" if zero is None else _ZERO.format(zero)


def _is_sky(ctype: str) -> bool:
    """Whether a CTYPE is that of a longitude or a latitude."""
    name = ctype[:4].rstrip("-")
    return name in ("RA", "DEC") or name[1:] in ("LON", "LAT") or name[2:] in ("LN", "LT")


def _matrix(wcs: WCS) -> tuple[str, Floats]:
    """The name and the matrix from pixels to world axes; the identity where CROTA replaces the matrix."""
    if wcs.wcs.has_cd():
        return "CD", np.array(wcs.wcs.cd)
    return "PC", np.array(wcs.wcs.pc) if wcs.wcs.has_pc() else np.eye(wcs.naxis)


def _numbers(wcs: WCS, sky: list[int]) -> Iterator[tuple[Callable[..., str], Floats]]:
    """The numbers that place the pixels on the sky, each array with a function that returns its keywords."""
    for name in ("CRVAL", "CRPIX"):
        values = np.array(getattr(wcs.wcs, name.lower()))
        # The other axes of a cube are not used.
        yield lambda i, name=name: f"{name}{sky[i] + 1}", values[sky]
    matrix, values = _matrix(wcs)
    yield lambda i, j: f"{matrix}{i + 1}_{j + 1}", values
    if not wcs.wcs.has_cd():
        yield lambda i: f"CDELT{i + 1}", np.array(wcs.wcs.cdelt)
    if wcs.wcs.has_crota():
        yield lambda i: f"CROTA{i + 1}", np.array(wcs.wcs.crota)
    # astropy uses NaN for a pole that is not given.
    poles = np.array([wcs.wcs.lonpole, wcs.wcs.latpole])
    yield lambda i: ("LONPOLE", "LATPOLE")[i], np.where(np.isnan(poles), 0, poles)
    given = wcs.wcs.get_pv()
    if given:
        yield lambda i: f"PV{given[i][0]}_{given[i][1]}", np.array([value for *_, value in given])
    if wcs.sip is not None:
        for name in ("A", "B", "AP", "BP"):
            table = getattr(wcs.sip, name.lower())
            if table is not None:
                yield lambda p, q, name=name: f"{name}_{p}_{q}", np.array(table)
