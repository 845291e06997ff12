"""The field of an image: from its centre and size, or from a FITS file."""

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

__all__ = ["PROJECTIONS", "field_wcs", "wcs_like"]

# These may be centred anywhere on the sphere. The centre of the others is on the equator.
_ZENITHAL = ("TAN", "SIN", "ARC", "ZEA", "STG")
PROJECTIONS = (*_ZENITHAL, "CAR", "CEA", "MER", "SFL", "MOL", "AIT")
_AXES = {"icrs": ("RA---", "DEC--"), "galactic": ("GLON-", "GLAT-")}

# The widest images, in degrees at the scale of their centre. In a TAN image of 180 deg the corners are 70 deg away, and
# 90 deg are infinitely far. SIN shows half of the sky on 115 deg.
_WIDEST = {"TAN": 180.0, "SIN": 180.0}
_SKY = 360.0

# A larger image is more likely an error in a unit than meant.
_MOST_PIXELS = 2**31


def field_wcs(
    center: SkyCoord,
    width: u.Quantity | str,
    *,
    height: u.Quantity | str | None = None,
    binsz: u.Quantity | str = "0.05 deg",
    projection: str = "TAN",
    frame: str = "icrs",
) -> tuple[WCS, tuple[int, int]]:
    """Make the WCS of an image with square pixels, north up and east to the left.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`, scalar
        Position in the middle of the image, in any frame. A distance is ignored.
    width, height : `~astropy.units.Quantity` or str
        Size of the image, as angles at the scale of the projection's centre. By default the height equals the width.
        Both are rounded up to whole pixels.
    binsz : `~astropy.units.Quantity` or str, optional
        Width of a pixel, as an angle at the projection's centre.
    projection : {"TAN", "SIN", "ARC", "ZEA", "STG", "CAR", "CEA", "MER", "SFL", "MOL", "AIT"}, optional
        FITS code of the projection. The first five, which are zenithal, are centred on `center`. In the others the
        equator of the projection is that of the frame, as usual, and the longitude of `center` is in the middle.
    frame : {"icrs", "galactic"}, optional
        Frame of the image.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        A WCS with two axes, which knows its shape: `hpmask.Mask.to_wcs` takes it alone.
    shape : (int, int)
        Number of pixels (ny, nx).

    Raises
    ------
    TypeError
        If `center` is not a coordinate, or a size is a bare number.
    ValueError
        If a size is not one positive angle or is larger than the projection can show, if the projection does not reach
        `center`, or if `projection` or `frame` is not one of these.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask.wcs import field_wcs
    >>> wcs, shape = field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "10 deg", binsz="0.1 deg")
    >>> shape
    (100, 100)
    >>> wcs.pixel_to_world(49.5, 49.5)
    <SkyCoord (ICRS): (ra, dec) in deg
        (83.63, 22.01)>
    """
    frame = frames.check_frame(frame)
    if not isinstance(projection, str) or projection.upper() not in PROJECTIONS:
        raise ValueError(f"projection must be one of {', '.join(PROJECTIONS)}, got {projection!r}")
    projection = projection.upper()
    step = one_angle(binsz, "binsz", unit=u.deg)
    nx, ny = (
        math.ceil(_side(size, name, projection) / step - 1e-9)
        for size, name in ((width, "width"), (width if height is None else height, "height"))
    )
    if nx * ny > _MOST_PIXELS:
        raise ValueError(f"the image would have {nx} x {ny} pixels: width or binsz is wrong")
    lon, lat = (math.degrees(angle.item()) for angle in frames.to_lonlat(center, frame, "center"))

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [axis + projection for axis in _AXES[frame]]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.cdelt = [-step, step]
    wcs.wcs.crval = [lon, lat if projection in _ZENITHAL else 0.0]
    wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
    if frame == "icrs":
        wcs.wcs.radesys = "ICRS"
    if projection not in _ZENITHAL:
        _, y = wcs.wcs_world2pix(lon, lat, 0)
        if not np.isfinite(y):
            raise ValueError(f"the projection {projection} does not reach the latitude {lat:.6g} deg")
        wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2 - (float(y) - (ny - 1) / 2)]
    wcs.array_shape = (ny, nx)
    return wcs, (ny, nx)


def _side(size: u.Quantity | str, argument: str, projection: str) -> float:
    """A side of an image in degrees, no larger than the projection can show."""
    value, widest = one_angle(size, argument, unit=u.deg), _WIDEST.get(projection, _SKY)
    if value > widest:
        shown = "less than half of the sky: ZEA, ARC or AIT show more" if projection in _WIDEST else "no more than that"
        raise ValueError(
            f"{argument} of a {projection} image must be at most {widest:g} deg, got {size}: {projection} shows {shown}"
        )
    return value


def wcs_like(path: str | Path, hdu: int | str | None = None) -> tuple[WCS, tuple[int, int]]:
    """Read the WCS and the shape of the sky image in a FITS file.

    They are those that `hpmask.Mask.to_wcs` uses if it is given the file.

    Parameters
    ----------
    path : str or path
        The file. Of a cube, the two celestial axes count.
    hdu : int or str, optional
        Number or name of the HDU with the image; needed if the file has several images of the sky.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The celestial WCS, with two axes.
    shape : (int, int)
        Number of pixels (ny, nx).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `hdu` is neither an integer nor a string.
    MaskFormatError
        If the file is not FITS or is damaged, if it has no image of the sky, or if it has several and `hdu` is not
        given.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask
    >>> from hpmask.wcs import field_wcs, wcs_like
    >>> path = Path(mkdtemp()) / "image.fits"
    >>> Mask.full().write_wcs(path, *field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "2 deg"))
    >>> wcs, shape = wcs_like(path)
    >>> shape
    (40, 40)
    """
    target = as_target(Path(path), hdu)
    grid = Grid.of(target.wcs, target.shape)
    return grid.wcs, grid.shape
