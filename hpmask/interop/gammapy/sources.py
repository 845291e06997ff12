"""The extent of gammapy's sources, and the mask of those of a catalog or of models.

gammapy's own ``to_regions`` gives 1 sigma of a Gaussian (39 % of its light), a shell without its middle, and the whole
map for what has no edge. Here a source is all of the sky that it shines on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask._utils.arguments import as_angle, check_invalid
from hpmask._utils.modes import Mode
from hpmask._utils.warn import warn
from hpmask._utils.words import counted
from hpmask.core.algebra import union_all
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, new_mask
from hpmask.geometry import frames, healpix
from hpmask.interop.gammapy._import import need_gammapy
from hpmask.interop.gammapy.catalogs import Missing, catalog_models
from hpmask.interop.gammapy.from_maps import from_map
from hpmask.morphology import dilation
from hpmask.regions.masks import from_cones, from_regions

if TYPE_CHECKING:
    from hpmask.energy.axis import EnergyAxis
__all__ = ["Extension", "from_sources", "has_columns", "is_sources"]


@dataclass(frozen=True)
class Extension:
    """How far a source reaches, by its spatial model.

    A rule for the radius of `hpmask.Mask.from_catalog`, where the catalog is gammapy's.

    ====================  =============================================================================
    model                 sky that it takes
    ====================  =============================================================================
    point                 nothing but the margin; without one, the cell under it
    Gaussian              an ellipse of `n_sigma`, or the one that holds the part `containment`
    generalized Gaussian  an ellipse that holds as much as that
    disk                  an ellipse up to the end of its soft edge, r_0 (1 + edge_width)
    shells                a disc up to the outer radius, the middle included
    template              where it is positive
    others                a disc of gammapy's evaluation radius; without one, none: see `from_catalog`
    ====================  =============================================================================

    Parameters
    ----------
    n_sigma : float, optional
        Reach of Gaussians in units of sigma. 5 is what gammapy's evaluation region has.
    containment : float, optional
        Instead of `n_sigma`: the part of a Gaussian's light within, above 0 and below 1.
    margin : `~astropy.units.Quantity` or str, optional
        Angle that is added to radii and half axes, for instance for the PSF.
    minimum : `~astropy.units.Quantity` or str, optional
        Smallest radius or half axis of a source, with its margin.

    Examples
    --------
    >>> from hpmask.interop.gammapy import Extension
    >>> round(Extension(containment=0.68).sigmas, 2)
    1.51
    """

    n_sigma: float = 5.0
    containment: float | None = None
    margin: u.Quantity | str = "0 deg"
    minimum: u.Quantity | str = "0 deg"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.n_sigma) and self.n_sigma > 0):
            raise ValueError(f"n_sigma must be positive, got {self.n_sigma}")
        if self.containment is not None and not 0 < self.containment < 1:
            raise ValueError(f"containment must be above 0 and below 1, got {self.containment}")
        for name in ("margin", "minimum"):
            angle = as_angle(getattr(self, name), name)
            if angle.ndim or not 0 <= angle.to_value(u.deg) <= 180:
                raise ValueError(f"{name} must be one angle from 0 to 180 deg, got {angle}")
            object.__setattr__(self, name, angle)

    @property
    def sigmas(self) -> float:
        """Reach of a Gaussian in units of sigma: that of ``1 - exp(-sigmas**2 / 2)`` of its light."""
        return self.n_sigma if self.containment is None else math.sqrt(-2 * math.log1p(-self.containment))

    def widened(self, angle: float) -> float:
        """An angle in radians with the margin."""
        margin, minimum = (u.Quantity(one).to_value(u.rad) for one in (self.margin, self.minimum))
        return float(max(angle + margin, minimum))

    def __str__(self) -> str:
        reach = f"{self.n_sigma:g} sigma" if self.containment is None else f"{100 * self.containment:g}%"
        return f"{reach}, margin {self.margin:g}, at least {self.minimum:g}"


def is_sources(table: Any) -> bool:
    """Whether something is a SourceCatalog, Models, model or list of models of gammapy; gammapy is not imported."""
    first = next(iter(table), None) if isinstance(table, list | tuple) else table
    return any(cls.__module__.partition(".")[0] == "gammapy" for cls in type(first).__mro__)


def has_columns(sources: Any, radius: Any) -> bool:
    """Whether a radius is one of the table behind a SourceCatalog: anything but an Extension."""
    return radius is not None and not isinstance(radius, Extension) and hasattr(sources, "table")


def from_sources(
    sources: Any,
    radius: Any = None,
    *,
    order: int,
    invalid: Literal["raise", "skip"] = "raise",
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    n_threads: int | None = None,
    progress: bool = False,
) -> MaskValue:
    """The union of what sources take of the sky; see `hpmask.Mask.from_catalog`.

    Parameters
    ----------
    sources : `~gammapy.catalog.SourceCatalog`, `~gammapy.modeling.models.Models` or list of models
        Of models, those of the background have no place and are passed over.
    radius : Extension, `~astropy.units.Quantity`, str or callable, optional
        By default ``Extension()``. An angle, of shape (1, n_bins) with `energy`, or a function of the energy axis is
        the radius of a disc round each source.
    invalid : {"raise", "skip"}, optional
        What becomes of sources without an extent: models of the whole sky, such as a constant, and templates whose
        file is missing.
    order, mode, frame, energy, n_threads, progress
        As in `hpmask.Mask.from_cones`.
    """
    need_gammapy()
    check_invalid(invalid)
    rule = Extension() if radius is None else radius
    shape = np.shape(rule) if isinstance(rule, u.Quantity) else ()
    if shape and (len(shape) != 2 or shape[0] != 1):
        raise ValueError(f"radius must be one for all models, or one per energy bin of shape (1, n_bins), got {shape}")
    found = _Found()
    for name, model in _named(sources):
        if isinstance(rule, Extension):
            found.add(name, model, rule)
        else:
            found.add_position(name, model)
    found.report(invalid)
    options: dict[str, Any] = {"order": order, "mode": mode, "frame": frame, "n_threads": n_threads}
    parts = []
    for system, rows in found.discs.items():
        lon, lat, reach = np.array(rows).T
        center = SkyCoord(lon * u.rad, lat * u.rad, frame=system)
        if not isinstance(rule, Extension):
            parts.append(from_cones(center, rule, energy=energy, progress=progress, **options))
            continue
        parts.append(from_cones(center, reach * u.rad, progress=progress, **options))
        points = reach == 0
        if points.any() and mode != "inside":
            parts.append(_cells_under(center[points], order, frame))
    if found.ellipses:
        parts.append(from_regions(found.ellipses, **options))
    parts += [_of_template(map_, rule, **options) for map_ in found.templates]
    sky = union_all(parts) if parts else new_mask(RangeSet.empty(order), frame=frame)
    kind = f"{type(sources).__module__.partition('.')[0]} {type(sources).__name__}"
    told = f"{kind}: {counted(found.n, 'source')}, {getattr(rule, '__name__', rule)}"
    if found.without:
        told += f", {len(found.without)} left out"
    return new_mask(
        sky.planes[0] if sky.energy is None else sky.planes,
        order=order,
        frame=frame,
        energy=energy,
        history=f"from_catalog({told}, order={order}, mode={mode!r})",
    )


@dataclass
class _Found:
    """Sources by kind."""

    # By frame: longitude, latitude and radius in radians.
    discs: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    ellipses: list[Any] = field(default_factory=list)
    templates: list[Any] = field(default_factory=list)
    # Name and what is the matter.
    without: list[tuple[str, str]] = field(default_factory=list)
    n: int = 0

    def add(self, name: str, model: Any, rule: Extension) -> None:
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
        axes = _half_axes(model, kinds, rule)
        if axes is None:
            self.without.append((name, f"{type(model).__name__}, which has no edge"))
            return
        major, minor = (rule.widened(axis) for axis in axes)
        if not math.isfinite(major + minor + sum(model.position_lonlat)):
            self.without.append((name, f"{type(model).__name__}, whose position or size is not a number"))
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
        self.n += 1
        try:
            self._disc(model, 0.0)
        except AttributeError:
            self.without.append((name, f"{type(model).__name__}, which has no position"))

    def _disc(self, model: Any, radius: float) -> None:
        lon, lat = model.position_lonlat
        self.discs.setdefault(str(model.frame), []).append((float(lon), float(lat), radius))

    def report(self, invalid: str) -> None:
        if not self.without:
            return
        name, why = self.without[0]
        n = len(self.without)
        have = "has" if n == 1 else "have"
        text = f"{n} of {self.n} sources {have} no extent of their own, the first is {name!r}: {why}"
        if invalid == "raise":
            raise ValueError(f"{text}; leave them out with invalid='skip'")
        warn(f"{text}; left out")


def _half_axes(model: Any, kinds: set[str], rule: Extension) -> tuple[float, float] | None:
    """Half the major and the minor axis in radians; None for what has no edge."""

    def angle(parameter: Any) -> float:
        return abs(float(parameter.quantity.to_value(u.rad)))

    if "PointSpatialModel" in kinds:
        return 0.0, 0.0
    if "GaussianSpatialModel" in kinds:
        major = rule.sigmas * angle(model.sigma)
    elif "GeneralizedGaussianSpatialModel" in kinds:
        from scipy.special import gammaincinv

        # Light within r: the regularized gamma function of 2 eta at (r / r_0)**(1 / eta).
        eta, part = float(model.eta.value), -math.expm1(-(rule.sigmas**2) / 2)
        major = angle(model.r_0) * float(gammaincinv(2 * eta, part)) ** eta
    elif "DiskSpatialModel" in kinds:
        major = angle(model.r_0) * (1 + float(model.edge_width.value))
    else:
        # gammapy's evaluation radius: of shells it is the outer one.
        radius = getattr(model, "evaluation_radius", None)
        if radius is None or not hasattr(model, "lon_0"):
            return None
        major = float(u.Quantity(radius).to_value(u.rad))
        return major, major
    return major, major * math.sqrt(1 - float(model.e.value) ** 2)


def _named(sources: Any) -> Iterable[tuple[str, Any]]:
    """Names and spatial models of sources."""
    from gammapy.catalog import SourceCatalog
    from gammapy.modeling.models import Models, SkyModel, SpatialModel

    if isinstance(sources, SourceCatalog):
        yield from catalog_models(sources)
        return
    models = [sources] if isinstance(sources, SkyModel | SpatialModel) else sources
    for k, model in enumerate(models):
        if isinstance(model, SpatialModel):
            yield str(k), model
        elif isinstance(model, SkyModel):
            yield model.name, model.spatial_model
        elif not hasattr(model, "spectral_model") and not isinstance(sources, Models):
            raise TypeError(f"sources must be models of gammapy, number {k} is {type(model).__name__}")


def _cells_under(points: SkyCoord, order: int, frame: str) -> MaskValue:
    lon, lat = frames.to_lonlat(points, frame, "center")
    return new_mask(RangeSet.from_cells(np.unique(healpix.cells_at(lon, lat, order)), order), frame=frame)


def _of_template(map_: Any, rule: Extension, *, order: int, mode: Mode, frame: str, n_threads: int | None) -> MaskValue:
    """Where a template is positive at any energy, with the margin."""
    from gammapy.maps import Map

    image = np.any(np.nan_to_num(map_.data).reshape(-1, *map_.data.shape[len(map_.geom.axes) :]) > 0, axis=0)
    sky = from_map(Map.from_geom(map_.geom.to_image(), data=image), order=order, mode=mode, frame=frame)
    if rule.margin > 0 * u.deg:
        planes = dilation.planes_after("dilate", sky.planes, None, rule.margin, n_threads=n_threads)
        sky = new_mask(planes, order=order, frame=frame)
    return sky
