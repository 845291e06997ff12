"""Masks to WCS images and from them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from hpmask._files import atomic
from hpmask._files.fits_file import faults_of
from hpmask._files.fits_text import add_history, escaped
from hpmask._utils.arguments import as_flag, check_order
from hpmask._utils.modes import PixelMode, check_mode, check_pixel_mode
from hpmask._utils.parallel import for_the_call, thread_count
from hpmask._utils.warn import warn
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, distinct_planes, layers_of, new_mask
from hpmask.geometry import frames
from hpmask.wcs.from_image import plane_of, unused
from hpmask.wcs.grid import Grid, Way, celestial, order_for
from hpmask.wcs.inputs import Target, as_target, booleans, open_image
from hpmask.wcs.pixel_areas import by_areas
from hpmask.wcs.pixel_centers import at_centers

if TYPE_CHECKING:
    from hpmask.energy.axis import EnergyAxis
__all__ = ["from_wcs", "to_wcs", "to_wcs_many", "write_wcs"]


def to_wcs(
    mask: MaskValue,
    wcs: Any,
    shape: tuple[int, int] | None = None,
    *,
    mode: PixelMode = "center",
    hdu: int | str | None = None,
    n_threads: int | None = None,
) -> NDArray[Any]:
    """The mask on the pixels of an image.

    The sky position of a pixel's centre is what astropy's ``wcs.pixel_to_world`` gives, distortions
    included. Whole tiles of pixels are decided at once where the mask is the same all over their sky: by strict
    bounds on how far that reaches, so that each pixel has the value that it would have by itself. There are such
    bounds for TAN, SIN, STG, ARC, ZEA, CAR, CEA, MER, SFL and AIT, with SIP polynomials or without; other
    projections and distortions are worked out pixel by pixel.

    Parameters
    ----------
    mask : Mask
        The mask, in either frame.
    wcs : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image HDU, path or gammapy WcsGeom
        Any celestial WCS in any frame that astropy knows. Of a cube's the celestial part is taken. Slices of
        a WCS and other WCS objects of astropy's common interface will do, too, if they have two pixel axes.
        Galactic axes are Galactic even beside a RADESYS, which misleads astropy; ecliptic ones, which it
        takes for ICRS, raise. A FITS file has one image of the sky, or `hdu` says which one counts.
    shape : (int, int), optional
        Number of pixels (ny, nx); by default the shape that the WCS has.
    mode : {"center", "overlap", "inside", "fraction"}, optional
        "center": a pixel is True iff the sky position of its centre is in the mask. Pixels that are no sky,
        such as the corners of an all-sky map, are False.

        "overlap": if the mask keeps any of the pixel's area; a cell within a thousandth of the pixel of its edge
        may count as touching it, and none that touches it is missed. "inside": only if the mask keeps all of it,
        on the same terms. A pixel's area is the sky under its square of pixel coordinates, with sides that are
        followed to 2e-4 of the pixel.

        "fraction": the part of the pixel's area (as a solid angle) that the mask keeps, to better than 1e-3. At the
        rim of an all-sky map, a pixel's area is the part of it that is sky, looked at in 32 x 32 places, and so are
        pixels that a facet's edge tears apart (HPX, XPH, TSC, CSC, QSC): to some 1e-2, or 1e-1 if little of it is sky.
    hdu : int or str, optional
        Number or name of the image that counts, of a file with several.

    Returns
    -------
    numpy.ndarray of bool or float32, shape (ny, nx) or (n_bins, ny, nx)
        The latter for a mask with energy bins, or if `wcs` is a cube with energies: a gammapy geometry, or a file with
        a table of them (EBOUNDS, ENERGIES, or what BANDSHDU names). Each of its bins must lie in one of the mask's.
        A plane that belongs to a single energy gets the mask's bin at that energy.

    Raises
    ------
    TypeError, ValueError
        If `wcs` is no celestial WCS, no shape is known, energy bins do not fit, or `mode` is another word.
    MaskFormatError
        If a file is damaged (the sums of what is used are checked, if it has them), or it is not clear which of its
        images counts.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from astropy.wcs import WCS
    >>> from hpmask import Mask
    >>> from hpmask.wcs.convert import to_wcs
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    >>> wcs.wcs.crval = 83.6, 22.0
    >>> wcs.wcs.crpix = 3, 2
    >>> wcs.wcs.cdelt = -0.1, 0.1
    >>> star = Mask.from_cones(SkyCoord(83.6, 22.0, unit="deg"), "0.11 deg", order=12)
    >>> to_wcs(star, wcs, (3, 5)).astype(int)
    array([[0, 0, 1, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 1, 0, 0]])
    """
    check_pixel_mode(mode)
    return _image(mask, as_target(wcs, hdu), shape, mode, n_threads=thread_count(n_threads))


def to_wcs_many(
    mask: MaskValue, fields: Iterable[Any], *, mode: PixelMode = "center", n_threads: int | None = None
) -> Iterator[NDArray[Any]]:
    """See `hpmask.Mask.to_wcs_many`."""
    check_pixel_mode(mode)
    threads = thread_count(n_threads)
    # The mask's tables are kept, so that one image after the other shares them. Threads take parts of an image: half of
    # the work on a small one is Python's, where threads only wait for each other.
    pairs = (field if isinstance(field, tuple) else (field, None) for field in fields)
    return (_image(mask, as_target(wcs), shape, mode, n_threads=threads) for wcs, shape in pairs)


def _image(
    mask: MaskValue, target: Target, shape: tuple[int, int] | None, mode: PixelMode, *, n_threads: int | None
) -> NDArray[Any]:
    grid = Grid.of(target.wcs, target.shape if shape is None else shape)
    row = {id(plane): k for k, plane in reversed(list(enumerate(distinct_planes(mask))))}
    bins = _bins(mask, target)
    with faults_of(target.file):
        way = Way.between(grid.frame, mask.frame)
        if mode == "center":
            images: NDArray[Any] = at_centers(grid, way, layers_of(mask), n_threads=n_threads)
        else:
            images = by_areas(grid, way, layers_of(mask), distinct_planes(mask), mode, n_threads=n_threads)
    if bins is None:
        image: NDArray[Any] = images[0]
        return image
    rows = [row[id(mask.planes[k])] for k in bins]
    return images if rows == list(range(len(images))) else images[rows]


def _bins(mask: MaskValue, target: Target) -> list[int] | None:
    """The bin of the mask for each plane of the image; None for an image of one plane without energy."""
    if target.energy is None:
        return None if mask.energy is None else list(range(mask.energy.n_bins))
    if mask.energy is None:
        return [0] * target.energy.n_bins
    if target.nodes is not None:
        return _bins_at(mask.energy, target.nodes)
    unit = mask.energy.unit
    lowest, highest = mask.energy.energy_min.value, mask.energy.energy_max.value
    bins = []
    wanted = (edges.to_value(unit) for edges in (target.energy.energy_min, target.energy.energy_max))
    for low, high in zip(*wanted, strict=True):
        k = int(mask.energy.bin_of(low * (1 + 1e-6) * unit))
        if k < 0 or high > highest[k] * (1 + 1e-6) or low < lowest[k] * (1 - 1e-6):
            raise ValueError(
                f"every energy bin of the image must lie in one of the mask's, but {low:.6g} to {high:.6g} "
                f"{mask.energy.unit} does not: the mask has {mask.energy}"
            )
        bins.append(k)
    return bins


def _bins_at(axis: EnergyAxis, nodes: u.Quantity) -> list[int]:
    """The bin of each energy; edges belong to the bin above, and the last one to the last bin."""
    ascending = axis.ascending()
    edges, values = ascending.edges.value, nodes.to_value(axis.unit)
    bins = np.searchsorted(edges * (1 - 1e-6), values, side="right") - 1
    bins[(bins == axis.n_bins) & (values <= edges[-1] * (1 + 1e-6))] = axis.n_bins - 1
    bad = np.flatnonzero((bins < 0) | (bins >= axis.n_bins))
    if bad.size:
        raise ValueError(
            f"the energy of every plane of the image must lie in one of the mask's bins, but {nodes[bad[0]]:.6g} does "
            f"not: the mask has {axis}"
        )
    return [int(k) if ascending is axis else axis.n_bins - 1 - int(k) for k in bins]


@for_the_call
def from_wcs(
    image: Any,
    wcs: Any = None,
    *,
    hdu: int | str | None = None,
    order: int | None = None,
    mode: str = "center",
    outside: bool = False,
    nan: bool | None = None,
    invert: bool = False,
    energy: EnergyAxis | None = None,
    frame: str = "icrs",
    n_threads: int | None = None,
) -> MaskValue:
    """See `hpmask.Mask.from_wcs`."""
    frame, mode = frames.check_frame(frame), check_mode(mode)
    order = None if order is None else check_order(order)
    nan = None if nan is None else as_flag(nan, "nan")
    outside, invert = as_flag(outside, "outside"), as_flag(invert, "invert")
    n_threads = thread_count(n_threads)
    values, target = open_image(image, wcs, hdu, energies=energy is None)
    # From here on all that is wrong with its values is wrong with the file.
    with faults_of(target.file):
        return _of_pixels(
            values, target, order=order, mode=mode, outside=outside, nan=nan, invert=invert, energy=energy,
            frame=frame, n_threads=n_threads,
        )  # fmt: skip


def _of_pixels(
    values: NDArray[Any],
    target: Target,
    *,
    order: int | None,
    mode: str,
    outside: bool,
    nan: bool | None,
    invert: bool,
    energy: EnergyAxis | None,
    frame: str,
    n_threads: int,
) -> MaskValue:
    pixels = booleans(values, nan=nan, invert=invert)
    if pixels.ndim < 2 or not pixels.size:
        raise ValueError(f"image must have at least two axes and some pixels, got shape {pixels.shape}")
    grid = Grid.of(target.wcs, pixels.shape[-2:])
    axis = energy if energy is not None or pixels[..., 0, 0].size == 1 else target.energy
    bins = [axis.n_bins] if axis is not None else []
    sheets = pixels.reshape(-1, *grid.shape)
    if sheets.shape[0] not in (1, *bins):
        wanted = f"{bins[0]} planes, one per energy bin, or one" if bins else "one plane: give energy for more"
        raise ValueError(f"image of shape {pixels.shape} must have {wanted}")
    order = order_for(grid) if order is None else order
    way = Way.between(grid.frame, frame)
    _warn_unused(sheets, grid, outside)
    done: dict[bytes, RangeSet] = {}
    planes = []
    for sheet in sheets:
        key = sheet.tobytes() if len(sheets) > 1 else b""
        if key not in done:
            done[key] = plane_of(sheet, grid, way, order=order, mode=mode, outside=outside, n_threads=n_threads)
        planes.append(done[key])
    polarity = "0 = kept" if invert else "1 = kept"
    missing = "" if nan is None else f", NaN {'kept' if nan else 'not kept'}"
    history = (
        f"from_wcs({grid.shape[0]} x {grid.shape[1]} pixels, {polarity}{missing}, outside "
        f"{'kept' if outside else 'not kept'}, order={order}, mode={mode!r})"
    )
    return new_mask(planes if len(planes) > 1 else planes[0], order=order, frame=frame, energy=axis, history=history)


def _warn_unused(sheets: NDArray[np.bool_], grid: Grid, outside: bool) -> None:
    row, column = unused((sheets != outside).any(axis=0), grid)
    if row.size:
        warn(
            f"{row.size} of {sheets[0].size} pixels of image are {not outside} but lie off the sky, or where another "
            f"pixel has the sky; the first is at ({row[0]}, {column[0]}). They are left out: check CRPIX, CRVAL and "
            "CDELT if they should be sky"
        )


def write_wcs(
    mask: MaskValue,
    path: str | Path,
    wcs: Any,
    shape: tuple[int, int] | None = None,
    *,
    mode: Literal["center", "overlap", "inside"] = "center",
    hdu: int | str | None = None,
    overwrite: bool = False,
    n_threads: int | None = None,
) -> None:
    """Write the mask on the pixels of an image as a FITS image of bytes, 1 = kept.

    The image is the primary one, under the name MASK: gammapy's ``Map.read`` then gives a boolean map. Energy
    bins, those of the mask or of a cube given as `wcs`, make it a cube, in the order of increasing energy that gammapy
    needs, and add the table MASK_BANDS, from which
    gammapy takes the energy axis; see
    https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/wcs/index.html. Look-up tables of
    distortions follow as extensions of their own. Lines of the history that are longer than a card, or no printable
    ASCII, are escaped as in Python strings; a backslash at the end of a card goes on in the next.

    Parameters
    ----------
    mask : Mask
        The mask.
    path : str or path
        Where to; ``.fits.gz`` is compressed. The old file or the new one is there at any moment.
    wcs : `~astropy.wcs.WCS`, `~astropy.io.fits.Header`, image HDU, path or gammapy WcsGeom
        As in `to_wcs`, but astropy's own FITS WCS only.
    shape, mode, hdu
        As in `to_wcs`.
    overwrite : bool, optional
        Replace a file that is there.

    Raises
    ------
    FileExistsError
        If there is a file and `overwrite` is False.
    TypeError, ValueError
        As in `to_wcs`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from astropy.io import fits
    >>> from astropy.wcs import WCS
    >>> from hpmask import Mask
    >>> from hpmask.wcs.convert import write_wcs
    >>> wcs = WCS(naxis=2)
    >>> wcs.wcs.ctype = "GLON-AIT", "GLAT-AIT"
    >>> wcs.wcs.crpix = 3, 2
    >>> wcs.wcs.cdelt = -70, 60
    >>> path = Path(mkdtemp()) / "sky.fits"
    >>> write_wcs(Mask.full(), path, wcs, (3, 5))
    >>> fits.getdata(path)
    array([[0, 1, 1, 1, 0],
           [1, 1, 1, 1, 1],
           [0, 1, 1, 1, 0]], dtype=uint8)
    """
    # The image is one of bytes.
    check_mode(mode)
    atomic.check_target(path, overwrite=overwrite)
    target = as_target(wcs, hdu)
    if not isinstance(target.wcs, WCS):
        raise TypeError(
            f"wcs must be an astropy.wcs.WCS, which can be written as a header, got {type(target.wcs).__name__}"
        )
    image = _image(mask, target, shape, mode, n_threads=thread_count(n_threads))
    energy = mask.energy if target.energy is None else target.energy
    if energy is not None and energy.ascending() is not energy:
        # gammapy reads no axis whose edges decrease.
        image, energy = image[::-1], energy.ascending()
    with celestial(target.wcs).to_fits(relax=True) as hdus:
        primary = hdus[0]
        primary.data = image.view(np.uint8)
        primary.name = "MASK"
        _describe(primary.header, mask)
        if energy is not None:
            hdus.append(_bands(energy))
            _link(primary.header, energy, image.shape)
        with atomic.replacing(path, overwrite=overwrite) as file:
            if str(path).endswith(".gz"):
                with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                    hdus.writeto(packed, checksum=True)
            else:
                hdus.writeto(file, checksum=True)


# ---------------------------------------------------------------------- the FITS file


def _describe(header: fits.Header, mask: MaskValue) -> None:
    from hpmask import __version__

    header["BUNIT"] = ("", "1 = kept, 0 = not kept or no sky")
    header["CREATOR"] = (f"hpmask {__version__}", "software that wrote this file")
    header["HPXFRAME"] = (mask.frame, "frame of the HEALPix cells of the mask")
    header["HPXORDER"] = (mask.order, "order of the HEALPix cells of the mask")
    add_history(header, mask.history.split("\n"))


def _link(header: fits.Header, energy: EnergyAxis, shape: tuple[int, ...]) -> None:
    """What makes gammapy see the third axis."""
    header["WCSSHAPE"] = (f"({','.join(map(str, reversed(shape)))})", "pixels along each axis")
    header["BANDSHDU"] = ("MASK_BANDS", "table of the energy bins")
    header.update(_axis_cards(energy))


def _axis_cards(energy: EnergyAxis) -> dict[str, str]:
    low, high = _columns(energy)[1:]
    return {"AXCOLS1": f"{low},{high}", "INTERP1": energy.interp}


def _columns(energy: EnergyAxis) -> tuple[str, str, str]:
    """Names of the columns of a bin's centre and edges."""
    # AXISNAME has the name itself.
    name = re.sub(r"[^A-Z0-9_]", "_", energy.name.upper())
    return (name, "E_MIN", "E_MAX") if name == "ENERGY" else (name, f"{name}_MIN", f"{name}_MAX")


def _bands(energy: EnergyAxis) -> fits.BinTableHDU:
    unit = energy.unit.to_string("fits")
    columns = [fits.Column("CHANNEL", "K", array=np.arange(energy.n_bins))]
    for name, values in zip(_columns(energy), (energy.center, energy.energy_min, energy.energy_max), strict=True):
        columns.append(fits.Column(name, "D", unit=unit, array=values.value))
    table = fits.BinTableHDU.from_columns(columns, name="MASK_BANDS")
    table.header.update(_axis_cards(energy))
    table.header["AXISNAME"] = escaped(energy.name)
    return table
