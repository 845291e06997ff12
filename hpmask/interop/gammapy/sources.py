"""Masks of the sources in gammapy's catalogs and models, each with its full extent.

gammapy's own ``to_regions`` gives 1 sigma of a Gaussian (39 % of its light), a shell without its middle, and the whole
map for a model without an edge. Here a source covers all of the sky on which it emits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._utils.arguments import as_angle, check_invalid
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.core.algebra import union_all
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames, healpix
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.catalogs import Missing, catalog_models
from hpmask.interop.gammapy.from_maps import default_order, from_map
from hpmask.interop.gammapy.radii import checked_radii
from hpmask.morphology import dilation
from hpmask.regions.batches import Shapes
from hpmask.regions.convert import checked_shapes
from hpmask.regions.masks import from_regions, from_shapes
from hpmask.regions.order import order_of_discs, order_of_shapes, resolved_order

__all__ = ["Extension", "from_sources"]

# The reach of Gaussians in gammapy's evaluation regions, in units of sigma.
_N_SIGMA = 5.0


@dataclass(frozen=True)
class Extension:
    """A rule for how far a source extends, given its spatial model.

    It is the option `extension` of `hpmask.Mask.from_gammapy`. Each kind of model has its own shape:

    ====================  =============================================================================
    model                 sky in the mask
    ====================  =============================================================================
    point                 a disc of the margin; without a margin, the cell under the point
    Gaussian              an ellipse of `n_sigma`, or the ellipse that holds the fraction `containment`
    generalized Gaussian  the ellipse that holds the same fraction of the light
    disk                  an ellipse up to the end of its soft edge, r_0 (1 + edge_width)
    shells                a disc up to the outer radius, including the middle
    template              the pixels in which it is positive at any energy
    others                a disc of gammapy's evaluation radius
    ====================  =============================================================================

    Models without such a radius, such as a constant, and templates of the whole sky have no edge: see the option
    `invalid` of `hpmask.Mask.from_gammapy`.

    Parameters
    ----------
    n_sigma : float, optional
        Semi-axes of Gaussians in units of sigma. The default is 5, as in gammapy's evaluation regions, unless
        `containment` is given.
    containment : float, optional
        Instead of `n_sigma`, the fraction of a Gaussian's light within the ellipse, between 0 and 1.
    margin : scalar `~astropy.units.Quantity` or str, optional
        Angle from 0 to 180 deg that is added to radii and semi-axes, for example for the PSF. Templates are dilated
        by it.
    minimum : scalar `~astropy.units.Quantity` or str, optional
        Smallest radius or semi-axis of a source, including the margin, from 0 to 180 deg. It does not apply to
        templates.

    Raises
    ------
    TypeError, ValueError
        If a number or an angle is outside its range, or both `n_sigma` and `containment` are given.

    Examples
    --------
    >>> from hpmask.interop.gammapy import Extension
    >>> round(Extension(containment=0.68).sigmas, 2)
    1.51
    """

    n_sigma: float | None = None
    containment: float | None = None
    margin: u.Quantity | str = "0 deg"
    minimum: u.Quantity | str = "0 deg"

    def __post_init__(self) -> None:
        if self.n_sigma is not None and self.containment is not None:
            raise ValueError(f"n_sigma {self.n_sigma} and containment {self.containment} exclude each other: give one")
        if self.n_sigma is not None and not (math.isfinite(self.n_sigma) and self.n_sigma > 0):
            raise ValueError(f"n_sigma must be positive and finite, got {self.n_sigma}")
        if self.containment is not None and not 0 < self.containment < 1:
            raise ValueError(f"containment must be between 0 and 1, both excluded, got {self.containment}")
        for name in ("margin", "minimum"):
            angle = as_angle(getattr(self, name), name)
            if angle.ndim or not 0 <= angle.to_value(u.deg) <= 180:
                raise ValueError(f"{name} must be one angle from 0 to 180 deg, got {angle}")
            object.__setattr__(self, name, angle)

    @property
    def sigmas(self) -> float:
        """Semi-axes of Gaussians in units of sigma; they hold ``1 - exp(-sigmas**2 / 2)`` of the light."""
        if self.containment is not None:
            return math.sqrt(-2 * math.log1p(-self.containment))
        return _N_SIGMA if self.n_sigma is None else float(self.n_sigma)

    def __str__(self) -> str:
        reach = f"{self.sigmas:g} sigma" if self.containment is None else f"{100 * self.containment:g}%"
        return f"{reach}, margin {self.margin:g}, at least {self.minimum:g}"


def from_sources(
    sources: Any,
    extension: Any = None,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    progress: bool = False,
) -> MaskValue:
    """See `hpmask.Mask.from_gammapy`."""
    need_gammapy()
    check_invalid(invalid)
    check_mode(mode)
    frame = frames.check_frame(frame)
    rule = Extension() if extension is None else extension
    radius = None if isinstance(rule, Extension) else checked_radii(rule, "extension", energy)
    found = _Found()
    for name, model in _named(sources):
        if isinstance(rule, Extension):
            found.add(name, model, rule)
        else:
            found.add_position(name, model)
    found.report(invalid)
    order, order_text = resolved_order(order, resolution, lambda: _order_of(found, radius, frame))
    options: dict[str, Any] = {"order": order, "mode": mode, "frame": frame}
    parts = []
    for center, reach in found.positions():
        if radius is not None:
            parts.append(
                from_shapes(Shapes.cones(center, radius), "from_cones", energy=energy, progress=progress, **options)
            )
            continue
        points = reach == 0
        if not points.all():
            parts.append(
                from_shapes(
                    Shapes.cones(center[~points], reach[~points] * u.rad), "from_cones", progress=progress, **options
                )
            )
        if points.any() and mode != "inside":
            parts.append(_cells_under(center[points], order, frame))
    if found.ellipses:
        parts.append(from_regions(found.ellipses, **options))
    if isinstance(rule, Extension):
        parts += [_of_template(map_, rule, **options) for map_ in found.templates]
    sky = union_all(parts) if parts else new_mask(RangeSet.empty(order), frame=frame)
    summary = f"{type(sources).__name__}: {counted(found.n, 'source')}, {_text(rule)}"
    if found.without:
        summary += f", {len(found.without)} left out"
    return new_mask(
        sky.planes[0] if sky.energy is None else sky.planes,
        order=order,
        frame=frame,
        energy=energy,
        history=f"from_gammapy({summary}, {order_text}, mode={mode!r})",
    )


def _order_of(found: _Found, radius: u.Quantity | None, frame: str) -> int:
    """The order that fits the smallest source. Points without a radius do not count."""
    orders = [default_order(map_.geom.to_image()) for map_ in found.templates]
    if found.ellipses:
        orders.append(order_of_shapes(checked_shapes(found.ellipses, frame, "raise")[0], "source"))
    if found.discs:
        centers, reaches = zip(*found.positions(), strict=True)
        lat = np.concatenate([frames.to_lonlat(center, frame, "data")[1] for center in centers])
        radii = np.concatenate(reaches)[:, np.newaxis]
        if radius is not None:
            each = np.atleast_2d(radius.to_value(u.rad))
            radii = np.broadcast_to(each, (lat.size, each.shape[1]))
        if radii.any() or not orders:
            orders.append(order_of_discs(lat, radii))
    return max(orders, default=0)


def _text(rule: Any) -> str:
    """An extension as the history shows it."""
    if isinstance(rule, u.Quantity) and rule.ndim:
        return f"radii per bin of {rule.min():g} to {rule.max():g}"
    if isinstance(rule, Extension):
        return str(rule)
    return f"radius {getattr(rule, '__name__', rule)}"


@dataclass
class _Found:
    """The sources of a catalog, sorted by how they are converted."""

    # For each frame: longitude, latitude and radius in radians.
    discs: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    ellipses: list[Any] = field(default_factory=list)
    templates: list[Any] = field(default_factory=list)
    # Names of the sources without an extent, and why.
    without: list[tuple[str, str]] = field(default_factory=list)
    n: int = 0

    def add(self, name: str, model: Any, rule: Extension) -> None:
        """Add a source with the extent that the rule gives its model."""
        self.n += 1
        if model is None or isinstance(model, Missing):
            self.without.append((name, model or "no spatial model"))
            return
        kinds = {cls.__name__ for cls in type(model).__mro__}
        if kinds & {"TemplateSpatialModel", "TemplateNDSpatialModel"}:
            if model.map.geom.is_allsky:
                self.without.append((name, "a template of the whole sky"))
            else:
                self.templates.append(model.map)
            return
        axes = _semi_axes(model, kinds, rule)
        if axes is None:
            self.without.append((name, f"{type(model).__name__}, which has no edge"))
            return
        major, minor = (_widened(axis, rule) for axis in axes)
        if not math.isfinite(major + minor + sum(model.position_lonlat)):
            self.without.append((name, f"{type(model).__name__}, whose position or size is not finite"))
            return
        if major == minor:
            self._disc(model, major)
            return
        from regions import EllipseSkyRegion

        self.ellipses.append(
            EllipseSkyRegion(
                model.position, height=2 * major * u.rad, width=2 * minor * u.rad, angle=model.phi.quantity
            )
        )

    def add_position(self, name: str, model: Any) -> None:
        """Add a source of which only the position is used."""
        self.n += 1
        if model is None or isinstance(model, Missing):
            self.without.append((name, model or "no spatial model"))
            return
        try:
            self._disc(model, 0.0)
        except AttributeError:
            self.without.append((name, f"{type(model).__name__}, which has no position"))

    def _disc(self, model: Any, radius: float) -> None:
        lon, lat = model.position_lonlat
        self.discs.setdefault(str(model.frame), []).append((float(lon), float(lat), radius))

    def positions(self) -> Iterator[tuple[SkyCoord, NDArray[np.float64]]]:
        """The centres and radii (in radians) of the discs, for each frame."""
        for system, rows in self.discs.items():
            lon, lat, reach = np.array(rows).T
            yield SkyCoord(lon * u.rad, lat * u.rad, frame=system), reach

    def report(self, invalid: str) -> None:
        """Raise or warn about the sources without an extent."""
        if not self.without:
            return
        name, why = self.without[0]
        n = len(self.without)
        have = "has" if n == 1 else "have"
        text = f"{n} of {self.n} sources {have} no extent, the first is {name!r}: {why}"
        if invalid == "raise":
            raise ValueError(f"{text}. With invalid='skip' they are left out")
        warn(f"{text}; left out")


def _widened(angle: float, rule: Extension) -> float:
    """An angle with the margin, and at least the minimum, in radians."""
    margin, minimum = (u.Quantity(one).to_value(u.rad) for one in (rule.margin, rule.minimum))
    return float(max(angle + margin, minimum))


def _semi_axes(model: Any, kinds: set[str], rule: Extension) -> tuple[float, float] | None:
    """The semi-major and the semi-minor axis in radians, without the margin; None for a model without an edge."""

    def angle(parameter: Any) -> float:
        return abs(float(parameter.quantity.to_value(u.rad)))

    if "PointSpatialModel" in kinds:
        return 0.0, 0.0
    if "GaussianSpatialModel" in kinds:
        major = rule.sigmas * angle(model.sigma)
    elif "GeneralizedGaussianSpatialModel" in kinds:
        from scipy.special import gammaincinv

        # The fraction of the light within r is the regularized gamma function P(2 eta, (r / r_0)**(1 / eta)).
        eta, part = float(model.eta.value), -math.expm1(-(rule.sigmas**2) / 2)
        major = angle(model.r_0) * float(gammaincinv(2 * eta, part)) ** eta
    elif "DiskSpatialModel" in kinds:
        major = angle(model.r_0) * (1 + float(model.edge_width.value))
    else:
        # The evaluation radius of gammapy's shells is the outer radius.
        radius = getattr(model, "evaluation_radius", None)
        if radius is None or not hasattr(model, "lon_0"):
            return None
        major = float(u.Quantity(radius).to_value(u.rad))
        return major, major
    return major, major * math.sqrt(1 - float(model.e.value) ** 2)


def _named(sources: Any) -> Iterable[tuple[str, Any]]:
    """Names and spatial models of sources. Models of the background have no position on the sky and are ignored."""
    from gammapy.catalog import SourceCatalog
    from gammapy.modeling.models import DatasetModels, SkyModel, SpatialModel

    if isinstance(sources, SourceCatalog):
        yield from catalog_models(sources)
        return
    models = sources if isinstance(sources, DatasetModels | list | tuple) else [sources]
    for k, model in enumerate(models):
        if isinstance(model, SpatialModel):
            yield str(k), model
        elif isinstance(model, SkyModel):
            yield model.name, model.spatial_model
        elif not hasattr(model, "spectral_model") and not isinstance(sources, DatasetModels):
            raise TypeError(f"data must hold models of gammapy, number {k} is a {type(model).__name__}")


def _cells_under(points: SkyCoord, order: int, frame: str) -> MaskValue:
    """The mask of the cells that contain some positions."""
    lon, lat = frames.to_lonlat(points, frame, "data")
    return new_mask(RangeSet.from_cells(np.unique(healpix.cells_at(lon, lat, order)), order), frame=frame)


def _of_template(map_: Any, rule: Extension, *, order: int, mode: Mode, frame: str) -> MaskValue:
    """The mask of the pixels in which a template is positive at any energy, dilated by the margin."""
    from gammapy.maps import Map

    image = np.any(np.nan_to_num(map_.data).reshape(-1, *map_.data.shape[len(map_.geom.axes) :]) > 0, axis=0)
    sky = from_map(Map.from_geom(map_.geom.to_image(), data=image), order=order, mode=mode, frame=frame)
    if rule.margin > 0 * u.deg:
        planes = dilation.planes_after("dilate", sky.planes, None, rule.margin)
        sky = new_mask(planes, order=order, frame=frame)
    return sky
