"""The part of the sky that a picture shows, and the axes that show it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, one_angle
from hpmask._utils.words import shown as shown_value
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue
from hpmask.geometry import frames, healpix, parse_position
from hpmask.plotting.styles import Look, grid_style
from hpmask.wcs import field
from hpmask.wcs.grid import celestial, image_shape
from hpmask.wcs.inputs import as_target

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "FRAMES",
    "View",
    "all_sky_axes",
    "check_frame",
    "field_axes",
    "middle_longitude",
    "middle_position",
    "name_axes",
]

# The frames of pictures, and what astropy calls them.
FRAMES = {"icrs": "icrs", "galactic": "galactic", "ecliptic": "barycentricmeanecliptic"}

# Pixels along the width of the WCS of a field, which give its size to a thousandth.
_FIELD_PIXELS = 1000
_ALL_SKY = ("MOL", "AIT")
# The longitude in the middle of an all-sky picture, in degrees.
_MIDDLE = {"icrs": 180.0, "galactic": 0.0, "ecliptic": 0.0}
_NAMES = {"icrs": "ICRS", "galactic": "Galactic", "ecliptic": "Ecliptic"}
_AXES = {"icrs": ("RA---", "DEC--"), "galactic": ("GLON-", "GLAT-"), "ecliptic": ("ELON-", "ELAT-")}
# Labels for the names that astropy gives to the axes of an image.
_LABELS = {
    "pos.eq.ra": "RA",
    "pos.eq.dec": "Dec",
    "pos.galactic.lon": "Galactic longitude",
    "pos.galactic.lat": "Galactic latitude",
    "pos.ecliptic.lon": "Ecliptic longitude",
    "pos.ecliptic.lat": "Ecliptic latitude",
}
# Steps of the graticule in degrees. The smallest with room for its labels is drawn.
_STEPS = (30, 60, 90)
_UNITS = ("deg", "hour")
# In pictures of a smaller width, in inches, the name of the frame has the room of the labels of 60 deg.
_NARROW = 2.2
# In pictures of a smaller width, it stands further to the right.
_SMALL = 4.0
# Narrower ones do not name their frame.
_TINY = 2.0
# A pole this far from the middle of a field, in its widths and heights, is near it.
_NEAR_POLE = 1.0
# The cells that find the middle of a mask, and the bins of their longitudes.
_MIDDLE_ORDER = 6
_MIDDLE_CELLS = 2000
_MIDDLE_BINS = 360


class EclipticWCS(WCS):  # type: ignore[misc]
    """A WCS with the axes ELON and ELAT, for which astropy has no frame: barycentric mean ecliptic of J2000."""

    @property
    def world_axis_object_classes(self) -> dict[str, Any]:
        return {"celestial": (SkyCoord, (), {"frame": BarycentricMeanEcliptic(), "unit": (u.deg, u.deg)})}

    @property
    def world_axis_object_components(self) -> list[Any]:
        return [
            ("celestial", 0, lambda coord: coord.spherical.lon.to_value(u.deg)),
            ("celestial", 1, lambda coord: coord.spherical.lat.to_value(u.deg)),
        ]


def check_frame(frame: Any) -> str:
    """`frame` in lower case, checked: a frame of pictures."""
    if not isinstance(frame, str) or frame.lower() not in FRAMES:
        raise ValueError(f"frame must be 'icrs', 'galactic' or 'ecliptic', got {frame!r}")
    return frame.lower()


def check_unit(lon_unit: Any) -> str:
    """`lon_unit`, checked; by default degrees."""
    if lon_unit is None:
        return "deg"
    if lon_unit not in _UNITS:
        raise ValueError(f"lon_unit must be 'deg' or 'hour', got {lon_unit!r}")
    return str(lon_unit)


@dataclass(frozen=True, slots=True)
class View:
    """The part of the sky that a picture shows: all of it in a projection, or the field of an image.

    `frame`, `projection` and `center` (in degrees) belong to the whole sky, `wcs` and `shape` to a field.
    """

    frame: str = "icrs"
    projection: str = "MOL"
    center: float | None = None
    wcs: Any = None
    shape: tuple[int, int] = (1, 1)
    lon_unit: str = "deg"

    @classmethod
    def of(
        cls,
        mask: MaskValue,
        *,
        frame: str | None = None,
        center: Any = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        others: tuple[MaskValue, ...] = (),
    ) -> View:
        """The view that the options of `hpmask.Mask.plot` describe.

        `others` are drawn in the same picture, and count in its middle.
        """
        unit = check_unit(lon_unit)
        if wcs is not None:
            for name, value in (("frame", frame), ("center", center), ("width", width), ("height", height)):
                if value is not None:
                    raise ValueError(f"wcs gives the whole field: it cannot be combined with {name}")
            if projection is not None:
                raise ValueError("wcs gives the whole field: it cannot be combined with projection")
            return cls._of_image(wcs, shape, hdu, unit)
        for name, value in (("shape", shape), ("hdu", hdu)):
            if value is not None:
                raise ValueError(f"{name} belongs to an image: give its wcs, too")
        frame = check_frame(mask.frame if frame is None else frame)
        masks = (mask, *others)
        if width is not None:
            projection = "TAN" if projection is None else projection
            position = _position(center, frame, masks)
            wcs, shape = _field_wcs(position, width, height, projection, frame)
            return cls(wcs=wcs, shape=shape, lon_unit=unit)
        if height is not None:
            raise ValueError("height belongs to a field: give its center and width, too")
        projection = "MOL" if projection is None else projection
        if not isinstance(projection, str) or projection.upper() not in _ALL_SKY:
            raise ValueError(
                f"projection of the whole sky must be 'MOL' or 'AIT', got {projection!r}: give center and width to "
                "draw a field in another projection"
            )
        return cls(frame, projection.upper(), _middle(center, frame, masks), lon_unit=unit)

    @classmethod
    def _of_image(cls, wcs: Any, shape: tuple[int, int] | None, hdu: int | str | None, lon_unit: str) -> View:
        target = as_target(wcs, hdu)
        wcs = celestial(target.wcs)
        shape = target.shape or wcs.array_shape if shape is None else shape
        if shape is None:
            raise ValueError("wcs has no number of pixels: give shape=(ny, nx)")
        return cls(wcs=wcs, shape=image_shape(wcs, shape), lon_unit=lon_unit)

    @property
    def is_all_sky(self) -> bool:
        """Whether the whole sky is shown."""
        return self.wcs is None

    @property
    def figsize(self) -> tuple[float, float]:
        """The size in inches of a figure that shows one picture."""
        # A field is as high as its image, within reason, with room for labels.
        return (8.0, 4.7) if self.wcs is None else (6.0, 1.0 + 5.0 * self._ratio(0.25, 4.0))

    def grid_figsize(self, n_rows: int, n_cols: int, title: str | None = None) -> tuple[float, float]:
        """The size in inches of a figure that shows a grid of pictures, and a title."""
        width = 6.0 if n_cols == 1 else 4.5 if n_cols == 2 else 3.5
        height = 0.56 * width if self.wcs is None else 0.7 + 0.88 * width * self._ratio(0.0, 2.0)
        return width * n_cols, height * n_rows + (0.4 if title is None else 0.8)

    def pad(self, look: Look) -> float:
        """Room that labels need above and below the axes, in points."""
        # The labels of latitudes of 60 deg reach beyond the ellipse.
        return look.tick_size if self.is_all_sky and self.projection == "AIT" else 0.0

    def _ratio(self, least: float, most: float) -> float:
        return min(most, max(least, self.shape[0] / self.shape[1]))

    def axes(self, figure: Figure | SubFigure, position: Any = 111, look: Look | None = None) -> WCSAxes:
        """Empty axes that show it."""
        look = Look.of(figure) if look is None else look
        if self.wcs is not None:
            return _field(figure, self.wcs, self.shape, position, look, self.lon_unit)
        middle = _MIDDLE[self.frame] if self.center is None else self.center
        return _all_sky(figure, self.frame, middle, self.projection, position, look, self.lon_unit)


def _field_wcs(center: SkyCoord, width: Any, height: Any, projection: str, frame: str) -> tuple[WCS, tuple[int, int]]:
    binsz = one_angle(width, "width", unit=u.deg) / _FIELD_PIXELS * u.deg
    if frame != "ecliptic":
        return field.field_wcs(center, width, height=height, binsz=binsz, projection=projection, frame=frame)
    there = center.transform_to(FRAMES[frame])
    # A WCS knows no frames but ICRS and Galactic: the same numbers in another frame, with the names of the axes.
    same = SkyCoord(there.spherical.lon, there.spherical.lat, frame="galactic")
    made, shape = field.field_wcs(same, width, height=height, binsz=binsz, projection=projection, frame="galactic")
    wcs = EclipticWCS(made.to_header())
    wcs.wcs.ctype = [name.replace("GL", "EL") for name in made.wcs.ctype]
    wcs.array_shape = shape
    return wcs, shape


def _position(center: Any, frame: str, masks: tuple[MaskValue, ...]) -> SkyCoord:
    """The position in the middle of a field, in any frame."""
    if center is None:
        raise TypeError("center must be the position in the middle of a field with a width, got none")
    if isinstance(center, str) and center == "auto":
        return middle_position(masks)
    found = _parsed(center, frame)
    if isinstance(found, SkyCoord):
        return found
    raise TypeError(
        "center must be the position in the middle of a field with a width, such as a SkyCoord or '35 -10' "
        f"(degrees), got the longitude {center!r} only"
    )


def _middle(center: Any, frame: str, masks: tuple[MaskValue, ...] = ()) -> float | None:
    """The longitude in the middle of an all-sky picture, in degrees."""
    if center is None:
        return None
    if isinstance(center, str) and center == "auto":
        return middle_longitude(masks, frame)
    found = _parsed(center, frame)
    if isinstance(found, SkyCoord):
        return float(found.transform_to(FRAMES[frame]).spherical.lon.to_value(u.deg))
    return found


def _parsed(center: Any, frame: str) -> SkyCoord | float:
    """A position, or a longitude in degrees, from what a user gives as the middle of a picture."""
    if isinstance(center, str):
        try:
            return _text_position(center, frame)
        except ValueError as error:
            try:
                angle = as_angle(center, "center")
            except (TypeError, ValueError):
                raise ValueError(
                    f"center must be 'auto', a longitude such as '83 deg', or a position, but {error}"
                ) from None
    elif isinstance(center, u.Quantity):
        angle = as_angle(center, "center")
    elif isinstance(center, tuple | list):
        if len(center) != 2:
            raise ValueError(f"center must be one position (longitude, latitude), got {len(center)} values")
        lon, lat = (as_angle(value, f"center[{i}]") for i, value in enumerate(center))
        if lon.ndim or lat.ndim:
            raise ValueError(f"center must be one position, got {shown_value(center)}")
        return _checked(SkyCoord(lon, lat, frame=FRAMES[frame]))
    else:
        try:
            coord = frames.as_skycoord(center, "center")
        except TypeError:
            raise TypeError(
                "center must be a SkyCoord, a Quantity, or a text such as '83 deg', '35 -10' (degrees) or 'auto', "
                f"got {type(center).__name__}: {shown_value(center)}"
            ) from None
        return _checked(coord)
    if angle.shape == (2,):
        return _checked(SkyCoord(angle[0], angle[1], frame=FRAMES[frame]))
    if angle.ndim or not np.isfinite(angle.value):
        raise ValueError(f"center must be one longitude, got {center}")
    return float(angle.to_value(u.deg))


def _checked(coord: SkyCoord) -> SkyCoord:
    lon, lat = frames.to_lonlat(coord, "icrs", "center")
    if lon.ndim:
        raise ValueError(f"center must be one position, got {lon.size}")
    # Without a distance, with which the direction would depend on the observer.
    return SkyCoord(lon, lat, unit="rad", frame="icrs")


def _text_position(text: str, frame: str) -> SkyCoord:
    if frame in frames.FRAMES:
        return parse_position(text, frame)
    there = parse_position(text, "galactic")
    return SkyCoord(there.spherical.lon, there.spherical.lat, frame=FRAMES[frame])


def _shown_sky(masks: tuple[MaskValue, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sky that pictures of masks are about: unit vectors in ICRS, shape (n, 3), and their areas, shape (n,)."""
    vectors, weights = [], []
    for mask in masks:
        plane = RangeSet.union_all(mask.planes)
        if plane.sky_fraction > 0.5:
            plane = ~RangeSet.intersection_all(mask.planes)
        coarse = plane.at_order(min(plane.order, _MIDDLE_ORDER), mode="overlap")
        # A small mask has its middle within its own cells, not those of the sky.
        for order in range(coarse.order + 1, plane.order + 1):
            if coarse.n_cells > _MIDDLE_CELLS:
                break
            coarse = plane.at_order(order, mode="overlap")
        there = healpix.centre_vectors(coarse.cells(), coarse.order)
        vectors.append(there @ frames.rotation(mask.frame, "icrs").T)
        weights.append(np.full(len(there), 1 / 4.0**coarse.order))
    return np.concatenate(vectors), np.concatenate(weights)


def middle_position(masks: tuple[MaskValue, ...]) -> SkyCoord:
    """The middle of the sky that pictures of masks are about."""
    vectors, weights = _shown_sky(masks)
    mean = weights @ vectors
    if not np.linalg.norm(mean) > 1e-9 * max(weights.sum(), 1e-300):
        raise ValueError("center='auto' needs a mask that is somewhere: it has no middle")
    lon, lat = frames.lonlat(mean / np.linalg.norm(mean))
    return SkyCoord(lon, lat, unit="rad", frame="icrs")


def middle_longitude(masks: tuple[MaskValue, ...], frame: str) -> float | None:
    """The longitude opposite to the widest gap, or to where the least sky is cut."""
    vectors, weights = _shown_sky(masks)
    if not len(vectors):
        return None
    there = SkyCoord(*vectors.T, representation_type="cartesian", frame="icrs").transform_to(FRAMES[frame])
    lon = there.spherical.lon.to_value(u.deg)
    sky = np.histogram(lon, bins=_MIDDLE_BINS, range=(0.0, 360.0), weights=weights)[0]
    if sky.min() == sky.max():
        return None
    # The middle of the longest run of the least sky, around the circle.
    least = sky <= sky.min()
    start = int(np.argmin(least))
    turned = np.roll(least, -start).astype(np.int8)
    steps = np.flatnonzero(np.diff(np.concatenate([[0], turned, [0]])))
    runs = steps.reshape(-1, 2)
    longest = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    seam = (longest.mean() + start) * 360.0 / _MIDDLE_BINS
    return float((seam + 180.0) % 360.0)


def all_sky_axes(
    figure: Figure | SubFigure,
    *,
    frame: str = "icrs",
    center: SkyCoord | u.Quantity | str | None = None,
    projection: str = "MOL",
    position: Any = 111,
    label_size: float | None = None,
    lon_unit: str | None = None,
) -> WCSAxes:
    """Add empty axes of the whole sky to a figure, with a graticule. Longitude increases to the left.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        Figure that gets the axes.
    frame : {"icrs", "galactic", "ecliptic"}, optional
        Frame of the graticule. Ecliptic longitudes and latitudes are barycentric, of the mean ecliptic of J2000.
    center : `~astropy.units.Quantity`, str or `~astropy.coordinates.SkyCoord`, optional
        Longitude in the middle, as an angle or as a position that has it; by default 180 deg in ICRS, and 0 deg in
        the other frames.
    projection : {"MOL", "AIT"}, optional
        Projection: Mollweide or Hammer-Aitoff, both of equal area.
    position : int or tuple, optional
        Place in the figure, as in ``figure.add_subplot``.
    label_size : float, optional
        Size of the labels, in points; by default that of matplotlib's tick labels, or as fits the figure.
    lon_unit : {"deg", "hour"}, optional
        Unit of the longitudes on the labels, by default degrees.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.

    Raises
    ------
    TypeError
        If `center` is a number without a unit.
    ValueError
        If the frame, the projection, the unit or the centre is not valid.

    Examples
    --------
    Sources over a mask:

    >>> from astropy.coordinates import SkyCoord
    >>> from matplotlib.figure import Figure
    >>> from hpmask import Mask
    >>> from hpmask.plotting import all_sky_axes
    >>> ax = all_sky_axes(Figure(layout="constrained"), frame="galactic")
    >>> ax = Mask.from_zone(lat=("-2 deg", "2 deg"), zone_frame="galactic", order=7).plot(ax)
    >>> crab = SkyCoord(83.633, 22.014, unit="deg")
    >>> _ = ax.plot(crab.ra.deg, crab.dec.deg, "*", transform=ax.get_transform("icrs"))
    """
    frame = check_frame(frame)
    if projection not in _ALL_SKY:
        raise ValueError(f"projection must be 'MOL' or 'AIT', got {projection!r}")
    unit = check_unit(lon_unit)
    middle = None if center is None else _middle(center, frame)
    look = Look.of(figure, label_size=label_size)
    return _all_sky(figure, frame, _MIDDLE[frame] if middle is None else middle, projection, position, look, unit)


def field_axes(
    figure: Figure | SubFigure,
    wcs: WCS,
    shape: tuple[int, int],
    *,
    position: Any = 111,
    label_size: float | None = None,
    lon_unit: str | None = None,
) -> WCSAxes:
    """Add empty axes with the field of an image to a figure, with a grid of coordinates.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
        Figure that gets the axes.
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.
    shape : (int, int)
        Number of pixels (ny, nx).
    position : int or tuple, optional
        Place in the figure, as in ``figure.add_subplot``.
    label_size : float, optional
        Size of the labels, in points; by default that of matplotlib's labels, or as fits the figure.
    lon_unit : {"deg", "hour"}, optional
        Unit of the longitudes on the labels, by default degrees.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes, whose limits are the edges of the image.

    Raises
    ------
    ValueError
        If the unit is not valid.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from matplotlib.figure import Figure
    >>> from hpmask.plotting import field_axes
    >>> from hpmask.wcs.field import field_wcs
    >>> wcs, shape = field_wcs(SkyCoord(83.63, 22.01, unit="deg"), "10 deg", binsz="0.1 deg")
    >>> ax = field_axes(Figure(layout="constrained"), wcs, shape)
    >>> ax.get_xlim() == (-0.5, 99.5)
    True
    """
    return _field(figure, wcs, shape, position, Look.of(figure, label_size=label_size), check_unit(lon_unit))


def _all_sky(
    figure: Any, frame: str, middle: float, projection: str, position: Any, look: Look, lon_unit: str
) -> WCSAxes:
    from astropy.visualization.wcsaxes.frame import EllipticalFrame

    # A pixel is one degree in the middle. Both ellipses have semi-axes of 2 sqrt 2 and sqrt 2 radians.
    half = math.degrees(math.sqrt(2))
    wcs = EclipticWCS(naxis=2) if frame == "ecliptic" else WCS(naxis=2)
    wcs.wcs.ctype = [axis + projection for axis in _AXES[frame]]
    wcs.wcs.crval = [middle, 0]
    wcs.wcs.cdelt = [-1, 1]
    wcs.wcs.crpix = [1, 1]
    if frame == "icrs":
        wcs.wcs.radesys = "ICRS"
    position = position if isinstance(position, tuple) else (position,)
    ax = figure.add_subplot(*position, projection=wcs, frame_class=EllipticalFrame)
    ax.set_xlim(-2 * half, 2 * half)
    ax.set_ylim(-half, half)
    ax.set_aspect("equal")
    _graticule(ax, frame, middle, look, lon_unit)
    return ax


def _graticule(ax: Any, frame: str, middle: float, look: Look, lon_unit: str) -> None:
    lon, lat = ax.coords
    # The labels of both axes would meet at the left and right ends.
    step = next((step for step in _STEPS if 0.9 * look.width * 72 * step / 360 >= 3.9 * look.tick_size), _STEPS[-1])
    steps = np.arange(0, 360, step)
    lon.set_ticks(steps[np.abs((steps - middle + 180) % 360 - 180) <= 180 - _STEPS[0] / 2] * u.deg)
    if look.width < _NARROW:
        lat.set_ticks([-_STEPS[0], 0, _STEPS[0]] * u.deg)
    else:
        lat.set_ticks(spacing=_STEPS[0] * u.deg)
    lon.set_major_formatter("hh" if lon_unit == "hour" else "d")
    if lon_unit == "hour":
        lon.set_format_unit(u.hourangle)
    lat.set_major_formatter("d")
    for coord in (lon, lat):
        coord.set_ticks_visible(False)
        coord.set_ticklabel(size=look.tick_size, color=look.ink, exclude_overlapping=True, path_effects=look.halo())
    lon.set_axislabel("")
    lat.set_axislabel("")
    ax.coords.grid(**grid_style(look))
    ax.coords.frame.set_color(look.ink)
    ax.coords.frame.set_linewidth(0.9 * look.scale)
    if look.width < _TINY:
        # There is no room between the labels.
        return
    # In the corner, above the labels that stand beside the ellipse.
    offset = (1.5 if look.width > _SMALL else 3) * look.tick_size
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right", "va": "top"}
    ax.annotate(_NAMES[frame], (1, 1), (offset, 0), color=look.ink, size=look.tick_size, **place)


def _field(figure: Any, wcs: WCS, shape: tuple[int, int], position: Any, look: Look, lon_unit: str) -> WCSAxes:
    position = position if isinstance(position, tuple) else (position,)
    ax = figure.add_subplot(*position, projection=wcs)
    ax.set_xlim(-0.5, shape[1] - 0.5)
    ax.set_ylim(-0.5, shape[0] - 0.5)
    ax.set_aspect("equal")
    name_axes(ax, size=look.label_size, color=look.ink)
    # A wide field stands directly under its title: in the middle of a high figure, layouts make no room for it.
    ax.set_anchor("N")
    for coord, side in zip(ax.coords, _sides(wcs, shape), strict=True):
        if side is not None:
            # Where astropy puts them, they may stand in the way of a title.
            coord.set_ticklabel_position(side)
            coord.set_axislabel_position(side)
        coord.set_ticklabel(size=look.tick_size, color=look.ink, exclude_overlapping=True)
        if coord.coord_type == "longitude":
            coord.set_format_unit(u.hourangle if lon_unit == "hour" else u.deg, decimal=lon_unit == "deg" or None)
        elif coord.coord_type == "latitude":
            coord.set_format_unit(u.deg, decimal=True)
    ax.coords.grid(**grid_style(look))
    return ax


def _sides(wcs: WCS, shape: tuple[int, int]) -> tuple[str, str] | tuple[None, None]:
    """The sides of a field for the labels of each axis of the world: the foot for that which changes along x.

    None where a pole is in the field or near it: not every side has labels of both axes there.
    """
    poles = np.zeros((2, 2))
    poles[:, wcs.wcs.lat] = -90, 90
    with np.errstate(invalid="ignore"):
        parts = wcs.wcs.s2p(poles, 0)["pixcrd"] / (shape[1], shape[0])
    if np.any(np.all(np.abs(parts - 0.5) < _NEAR_POLE, axis=1)):
        return None, None
    change = np.abs(wcs.pixel_scale_matrix)
    return ("b", "l") if change[0, 0] * change[1, 1] >= change[0, 1] * change[1, 0] else ("l", "b")


def name_axes(ax: WCSAxes, **options: Any) -> None:
    """Name the axes of a field as astronomers write them, "RA (ICRS)", unless they were given other names."""
    for coord in ax.coords:
        name = coord.get_axislabel()
        if name in _LABELS:
            system = f" ({ax.wcs.wcs.radesys or 'ICRS'})" if name.startswith("pos.eq.") else ""
            coord.set_axislabel(_LABELS[name] + system, **options)
