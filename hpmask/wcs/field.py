"""The field of a WCS image: from its centre and size, or from an image that is there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask._utils.arguments import one_angle
from hpmask.geometry import frames
from hpmask.wcs.grid import Grid
from hpmask.wcs.inputs import as_target

__all__ = ["PROJECTIONS", "field_wcs", "parse_position", "wcs_like"]

# Those that have their centre anywhere on the sphere; the others have theirs on the equator.
_ZENITHAL = ("TAN", "SIN", "ARC", "ZEA", "STG")
PROJECTIONS = (*_ZENITHAL, "CAR", "CEA", "MER", "SFL", "MOL", "AIT")
_AXES = {"icrs": ("RA---", "DEC--"), "galactic": ("GLON-", "GLAT-")}

# The widest images, in degrees at their centre's scale: at 180 the corners of a TAN image are 70 deg away, and 90 are
# infinitely far. SIN shows half of the sky, on 115.
_WIDEST = {"TAN": 180.0, "SIN": 180.0}
_SKY = 360.0

# Larger images are rather a slip of the unit than wanted.
_MOST_PIXELS = 2**31


def parse_position(text: str, frame: str = "icrs") -> SkyCoord:
    """A position from text.

    Parameters
    ----------
    text : str
        Two numbers in degrees, "83.63 22.01", or sexagesimal, "05h34m32s +22d00m52s", "05:34:32 +22:00:52"
        (in ICRS the first of these is in hours).
    frame : {"icrs", "galactic"}, optional
        Frame that the position is meant in.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`, scalar

    Raises
    ------
    ValueError
        If the text is no position.

    Examples
    --------
    >>> parse_position("184.557 -5.784", "galactic")
    <SkyCoord (Galactic): (l, b) in deg
        (184.557, -5.784)>
    """
    frame = frames.check_frame(frame)
    words = text.replace(",", " ").split()
    try:
        if len(words) == 2 and all(_is_number(word) for word in words):
            lon, lat = (float(word) for word in words)
            if not (math.isfinite(lon) and math.isfinite(lat)):
                raise ValueError("not finite")
            return SkyCoord(lon, lat, unit="deg", frame=frame)
        if ":" in text:
            return SkyCoord(" ".join(words), unit=("hourangle" if frame == "icrs" else "deg", "deg"), frame=frame)
        return SkyCoord(" ".join(words), frame=frame)
    except (ValueError, u.UnitsError) as error:
        raise ValueError(
            f"a position must be like '83.63 22.01' (degrees) or '05h34m32s +22d00m52s', got {text!r}: {error}"
        ) from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def field_wcs(
    center: SkyCoord,
    width: u.Quantity | str,
    *,
    height: u.Quantity | str | None = None,
    binsz: u.Quantity | str = "0.05 deg",
    proj: str = "TAN",
    frame: str = "icrs",
) -> tuple[WCS, tuple[int, int]]:
    """WCS of an image with square pixels, north up and east left.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`, scalar
        Position in the middle of the image, in any frame; its distance makes no difference.
    width, height : `~astropy.units.Quantity` or str
        Size of the image; the height is by default the width. It is rounded up to whole pixels.
    binsz : `~astropy.units.Quantity` or str, optional
        Size of a pixel, at the projection's centre.
    proj : str, optional
        One of `PROJECTIONS`. Zenithal ones are centred on `center`; the others keep their equator on the
        frame's, as usual, and have the centre's longitude in the middle.
    frame : {"icrs", "galactic"}, optional
        Frame of the image.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
    shape : (int, int)
        Number of pixels (ny, nx).

    Raises
    ------
    TypeError, ValueError
        If a size is no positive angle or more than the projection shows, or the projection or the frame is another
        one.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> wcs, shape = field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "10 deg", binsz="0.1 deg")
    >>> shape
    (100, 100)
    >>> wcs.pixel_to_world(49.5, 49.5)
    <SkyCoord (ICRS): (ra, dec) in deg
        (83.63, 22.01)>
    """
    frame = frames.check_frame(frame)
    if proj.upper() not in PROJECTIONS:
        raise ValueError(f"proj must be one of {', '.join(PROJECTIONS)}, got {proj!r}")
    proj = proj.upper()
    step = one_angle(binsz, "binsz", unit=u.deg)
    nx, ny = (
        math.ceil(_side(size, name, proj) / step - 1e-9)
        for size, name in ((width, "width"), (width if height is None else height, "height"))
    )
    if nx * ny > _MOST_PIXELS:
        raise ValueError(f"the image would have {nx} x {ny} pixels: width or binsz is wrong")
    lon, lat = (math.degrees(angle.item()) for angle in frames.to_lonlat(center, frame, "center"))

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [axis + proj for axis in _AXES[frame]]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crval = [lon, lat if proj in _ZENITHAL else 0.0]
    wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
    if frame == "icrs":
        wcs.wcs.radesys = "ICRS"
    if proj not in _ZENITHAL:
        _, y = wcs.wcs_world2pix(lon, lat, 0)
        if not np.isfinite(y):
            raise ValueError(f"the projection {proj} does not reach the latitude {lat:.6g} deg")
        wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2 - (float(y) - (ny - 1) / 2)]
    wcs.array_shape = (ny, nx)
    return wcs, (ny, nx)


def _side(size: u.Quantity | str, argument: str, proj: str) -> float:
    """A side of an image in degrees, if there may be sky all along it."""
    value, widest = one_angle(size, argument, unit=u.deg), _WIDEST.get(proj, _SKY)
    if value > widest:
        shown = "less than half of the sky: ZEA, ARC or AIT show more" if proj in _WIDEST else "no more than that"
        raise ValueError(
            f"{argument} of a {proj} image must be {widest:g} deg at most, got {size}: {proj} shows {shown}"
        )
    return value


def wcs_like(path: str | Path, hdu: int | str | None = None) -> tuple[WCS, tuple[int, int]]:
    """WCS and shape of the sky image in a FITS file, as `hpmask.Mask.to_wcs` takes them of it.

    Parameters
    ----------
    path : str or path
        The file. Of a cube, the sky's two axes count.
    hdu : int or str, optional
        Number or name of the image that counts, of a file with several.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The celestial WCS.
    shape : (int, int)
        Number of pixels (ny, nx).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    MaskFormatError
        If it is no FITS file or is damaged, or has no sky image, or several and `hdu` does not say which one counts.
    """
    target = as_target(Path(path), hdu)
    grid = Grid.of(target.wcs, target.shape)
    return grid.wcs, grid.shape
