"""What is made of a mask: other orders, frames and bins, grown, shrunk, cut and filtered."""

# The class is a part of Mask alone, so that self is a Mask, which mypy does not know.
# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import by_area, energy_bins, frames, morphology
from hpmask.energy import EnergyAxis
from hpmask.history import joined
from hpmask.morphology import Width
from hpmask.rangeset import RangeSet, check_order
from hpmask.rasterize import DEGRADE, Mode, check_mode
from hpmask.words import counted

if TYPE_CHECKING:
    from hpmask.mask import Mask

__all__ = ["Changing"]

class Changing:
    """Methods of Mask that make other masks of it."""

    __slots__ = ()

    def iter_bins(self: Mask) -> Iterator[Mask]:
        """The masks of the bins, one after the other, each without energy: what `stack` puts together.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 GeV", "100 GeV", 2)
        >>> mask = Mask.from_energy(axis, "10 GeV")
        >>> for bin_, sky in zip(axis, mask.iter_bins()):
        ...     print(bin_.energy_min[0], sky.sky_fraction)
        1.0 GeV 0.0
        10.0 GeV 1.0
        """
        axis = self._needed_energy()
        for i, plane in enumerate(self._planes):
            history = joined(self._history, (), f"bin {i} of {axis.n_bins}")
            yield type(self)(plane, order=self._order, frame=self._frame, history=history)

    def reduce(self: Mask, how: Literal["any", "all"] = "any") -> Mask:
        """The mask without its energy axis: the sky kept in any bin, or in all of them."""
        if how not in ("any", "all"):
            raise ValueError(f"how must be 'any' or 'all', got {how!r}")
        if self._energy is None:
            return self
        many = RangeSet.union_all if how == "any" else RangeSet.intersection_all
        history = joined(self._history, (), f"reduce({how!r})")
        return type(self)(many(self._planes), order=self._order, frame=self._frame, history=history)

    def resample_energy(self: Mask, axis: EnergyAxis, how: Literal["any", "all"] = "any") -> Mask:
        """The mask in other energy bins.

        Parameters
        ----------
        axis : EnergyAxis
            The new bins, under the name of the old ones. A mask without energy holds in all of them.
        how : {"any", "all"}, optional
            A new bin keeps what any of the old bins keep that it meets, or what all of them do. Energies outside the
            old bins are not kept: "any" does not look at them, and of a new bin that reaches beyond the old ones "all"
            keeps nothing.

        Raises
        ------
        TypeError, ValueError
            If `axis` is no EnergyAxis, has another name, or `how` is none of the two.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis.from_bounds("1 TeV", "100 TeV", 4)
        >>> mask = Mask.from_energy(axis, "3 TeV")
        >>> mask.resample_energy(axis.downsample(2)).sky_fraction
        array([1., 1.])
        >>> mask.resample_energy(axis.downsample(2), how="all").sky_fraction
        array([0., 1.])
        """
        planes = energy_bins.resampled(self._planes, self._energy, axis, how)
        history = joined(self._history, (), f"resample_energy({counted(axis.n_bins, 'bin')}, how={how!r})")
        return type(self)(planes, order=self._order, frame=self._frame, energy=axis, history=history)

    def slice_energy(
        self: Mask,
        energy_min: u.Quantity | str | None = None,
        energy_max: u.Quantity | str | None = None,
        *,
        bins: int | slice | None = None,
        round_to_edge: bool = False,
    ) -> Mask:
        """The mask in some of its energy bins.

        Parameters
        ----------
        energy_min, energy_max : `~astropy.units.Quantity` or str, optional
            The bins that lie between these energies, by the rule of `from_energy`.
        bins : int or slice, optional
            Instead of energies: a bin or bins by number.
        round_to_edge : bool, optional
            As in `from_energy`.

        Raises
        ------
        TypeError, ValueError
            If the mask has no energy bins, there is none to be left, or both energies and `bins` are given.
        IndexError
            If there is no bin of that number.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 4))
        >>> mask.slice_energy("3 TeV").energy
        EnergyAxis([3.16228, 10, 31.6228, 100] TeV, name='energy', interp='log')
        >>> mask.slice_energy(bins=slice(1, 3)).energy
        EnergyAxis([3.16228, 10, 31.6228] TeV, name='energy', interp='log')
        """
        axis = self._needed_energy()
        if bins is None:
            bins = energy_bins.bins_between(axis, energy_min, energy_max, round_to_edge=round_to_edge)
        elif energy_min is not None or energy_max is not None:
            raise ValueError("either energies or bins must be given, not both")
        energy = axis[bins]
        planes = self._planes[bins] if isinstance(bins, slice) else [self._planes[bins]]
        span = f"{energy.edges[0]:.6g} to {energy.edges[-1]:.6g}"
        history = joined(self._history, (), f"slice_energy({span})")
        return type(self)(planes, order=self._order, frame=self._frame, energy=energy, history=history)

    def at_order(self: Mask, order: int, *, mode: Mode = "center") -> Mask:
        """The mask at another order.

        Parameters
        ----------
        order : int
            A finer order keeps the sky as it is.
        mode : {"center", "overlap", "inside"}, optional
            For a coarser order: a cell is in if its centre is, if any part of it is, or only if all of it is. The
            centre is the corner of four cells of the mask, of which the northern one decides, as in `contains`.
        """
        order, mode = check_order(order), check_mode(mode)
        history = joined(self._history, (), f"at_order({order}, mode={mode!r})")
        if order >= self._order:
            return self._mapped(lambda plane: plane.refine(order), order=order, history=history)
        return self._mapped(lambda plane: plane.degrade(order, how=DEGRADE[mode]), order=order, history=history)

    def to_frame(self: Mask, frame: str, *, order: int | None = None) -> Mask:
        """The mask in another frame: a new cell is in iff its centre was.

        Parameters
        ----------
        frame : {"icrs", "galactic"}
            The new frame.
        order : int, optional
            Order of the new cells, by default the mask's own.
        """
        from hpmask import reframe

        frame = frames.check_frame(frame)
        order = self._order if order is None else check_order(order)
        if frame == self._frame:
            return self.at_order(order)
        matrix = frames.rotation(frame, self._frame)
        done = {id(plane): reframe.rotated(plane, matrix, order) for plane in self._distinct()}
        planes = [done[id(plane)] for plane in self._planes]
        history = joined(self._history, (), f"to_frame({frame!r}, order={order})")
        return type(self)(planes, order=order, frame=frame, energy=self._energy, history=history)

    def cutout(self: Mask, center: SkyCoord, radius_or_size: Any) -> Mask:
        """The part of the mask near a position; nothing is kept elsewhere.

        The rest of the mask is not touched, so that a small cutout of a large mask is fast.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`, scalar
            The position, in any frame; its distance makes no difference.
        radius_or_size : `~astropy.units.Quantity` or str, or a pair of these
            A radius, or the width and the height of a rectangle whose height runs north in the frame of the
            mask.

        Returns
        -------
        Mask
            All that this mask keeps within the region, and in cells that reach beyond it by up to about a hundredth
            of its size, or by a cell of the mask.

        Raises
        ------
        TypeError, ValueError
            If `center` is not one position, or a size is no positive angle.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=12)
        >>> part = north.cutout(SkyCoord(10, 0, unit="deg"), "2 deg")
        >>> print(f"{part.area:.1f}")
        6.4 deg2
        """
        from hpmask import cutout

        region, words = cutout.region_of(center, radius_or_size, self._frame, self._order)
        history = joined(self._history, (), f"cutout({words})")
        return self._mapped(lambda plane: cutout.clipped(plane, region), history=history)

    def dilate(
        self: Mask,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask grown by an angle: every cell whose centre is within it of the centre of a kept cell.

        True on the whole sphere, poles and longitude 0 included, at any order.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable, optional
            Angle from 0 to 180 deg: a scalar; for a mask with energy also of shape (n_bins,), one per bin, or
            a function of the energy axis that returns such.
        steps : int, optional
            Instead of `width`: so many times, add the neighbours of every cell.
        connectivity : {8, 4}, optional
            Neighbours of a step: those that share an edge or a corner, or an edge only.
        n_threads : int, optional
            Threads to use, by default all processors. The result does not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        Mask
            Of the same order. An exclusion mask keeps what is far from sources: *shrink* it, with `erode`, to
            exclude more.

        Raises
        ------
        TypeError, ValueError
            If not one of `width` and `steps` is given, or it is not of this kind.

        Notes
        -----
        Neither pixels nor a projection take part in `width`. A square kernel, gammapy's ``kernel="box"``, has no
        meaning on the sphere: use the disc of the same radius.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> star = Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "0.5 deg", order=8)
        >>> star.dilate("1 deg").issubset(Mask.from_cones(SkyCoord(10, 89.9, unit="deg"), "1.6 deg", order=8))
        True
        """
        return self._grown("dilate", width, steps, connectivity, n_threads, progress)

    def erode(
        self: Mask,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask shrunk by an angle: what is farther than it from all that is not kept.

        The dual of `dilate`: ``mask.erode(width) == ~((~mask).dilate(width))``. Parameters as there.

        Examples
        --------
        A field of view without the margin that a PSF of 0.2 deg needs:

        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> field = Mask.from_cones(SkyCoord(83.6, 22, unit="deg"), "2 deg", order=13)
        >>> print(f"{field.area:.2f} {field.erode('0.2 deg').area:.2f}")
        12.56 deg2 10.19 deg2
        """
        return self._grown("erode", width, steps, connectivity, n_threads, progress)

    def opening(
        self: Mask,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask without what is narrower than twice the width: `erode`, then `dilate`. Parameters as in `dilate`."""
        return self._grown("opening", width, steps, connectivity, n_threads, progress)

    def closing(
        self: Mask,
        width: Width | None = None,
        *,
        steps: int | None = None,
        connectivity: Literal[4, 8] = 8,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The mask with gaps narrower than twice the width closed: `dilate`, then `erode`. Parameters as there."""
        return self._grown("closing", width, steps, connectivity, n_threads, progress)

    def boundary(
        self: Mask,
        width: Width,
        *,
        side: Literal["inner", "outer", "both"] = "inner",
        n_threads: int | None = None,
        progress: bool = False,
    ) -> Mask:
        """The strip along the mask's edge.

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable
            Width of the strip (on each side), as in `dilate`.
        side : {"inner", "outer", "both"}, optional
            What `erode` takes away, what `dilate` adds, or both.
        n_threads, progress
            As in `dilate`.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(f"{north.boundary('5 deg').sky_fraction:.3f}")  # sin(5 deg) / 2
        0.043
        """
        if side not in ("inner", "outer", "both"):
            raise ValueError(f"side must be 'inner', 'outer' or 'both', got {side!r}")
        planes = morphology.planes_after(
            side, self._planes, self._energy, width, n_threads=n_threads, progress=progress
        )
        return self._with_planes(planes, f"boundary({_told(width)}, side={side!r})")

    def _grown(
        self: Mask,
        operation: morphology.Operation,
        width: Width | None,
        steps: int | None,
        connectivity: int,
        n_threads: int | None,
        progress: bool,
    ) -> Mask:
        planes = morphology.planes_after(
            operation, self._planes, self._energy, width,
            n_steps=steps, connectivity=connectivity, n_threads=n_threads, progress=progress,
        )  # fmt: skip
        amount = _told(width) if steps is None else f"steps={steps}, connectivity={connectivity}"
        return self._with_planes(planes, f"{operation}({amount})")

    def fill_holes(self: Mask, max_area: u.Quantity | str | None = None, *, connectivity: int = 8) -> Mask:
        """The mask with its holes filled.

        Parameters
        ----------
        max_area : `~astropy.units.Quantity` or str, optional
            Fill what is left out in pieces of at most this area, such as "0.01 deg2". By default all pieces but
            the largest one are filled: that is taken for the outside, and a mask of nearly the whole sky keeps its
            largest gap.
        connectivity : {8, 4}, optional
            Of the mask: 8: neighbours share an edge or a corner. 4: they share an edge. What is left out hangs
            together in the other way, so that a closed ring has an inside.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> crab = SkyCoord(83.633, 22.014, unit="deg")
        >>> disc = Mask.from_cones(crab, "2 deg", order=9)
        >>> ring = disc - Mask.from_cones(crab, "1 deg", order=9)
        >>> ring.fill_holes() == disc
        True
        >>> ring.fill_holes("1 deg2") == ring
        True
        """
        area = None if max_area is None else by_area.as_area(max_area, "max_area")
        history = joined(self._history, (), f"fill_holes({max_area}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.fill_holes(plane, area, connectivity), history=history)

    def remove_small(self: Mask, min_area: u.Quantity | str, *, connectivity: int = 8) -> Mask:
        """The mask without its parts (see `components`) that are smaller than an area.

        Parameters
        ----------
        min_area : `~astropy.units.Quantity` or str
            Parts of this area, such as "3 arcmin2", and larger ones stay.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        """
        area = by_area.as_area(min_area, "min_area")
        history = joined(self._history, (), f"remove_small({min_area}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.remove_small(plane, area, connectivity), history=history)

    def keep_largest(self: Mask, n: int = 1, *, connectivity: int = 8) -> Mask:
        """The `n` largest parts (see `components`) of the mask, in each bin.

        Parameters
        ----------
        n : int, optional
            How many parts stay. Of parts of equal area those stay that have the first cells in NESTED order.
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner. 4: they share an edge.
        """
        history = joined(self._history, (), f"keep_largest({n}, connectivity={connectivity})")
        return self._mapped(lambda plane: by_area.keep_largest(plane, n, connectivity), history=history)


def _told(width: Any) -> str:
    """A width as the history tells it."""
    if isinstance(width, u.Quantity):
        return f"{width.value:.6g} {width.unit}" if width.isscalar else counted(width.size, "width")
    return getattr(width, "__name__", str(width))
