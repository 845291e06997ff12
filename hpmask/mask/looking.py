"""What a mask tells of itself."""

# The class is a part of Mask alone, so that self is a Mask, which mypy does not know.
# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask import energy_bins, lookup
from hpmask.components import Components, count
from hpmask.morphology import Width

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.axes import Axes

    from hpmask.mask import Mask

__all__ = ["Looking"]


class Looking:
    """Methods of Mask that look at it."""

    __slots__ = ()

    @property
    def sky_fraction(self: Mask) -> float | NDArray[np.float64]:
        """Part of the sky that is kept, 0 to 1; an array of shape (n_bins,) for a mask with energy."""
        return self._per_plane(plane.sky_fraction for plane in self._planes)  # type: ignore[no-any-return]

    @property
    def area(self: Mask) -> u.Quantity:
        """Area that is kept, in deg2; of shape (n_bins,) for a mask with energy."""
        return (self.sky_fraction * 4 * np.pi * u.sr).to(u.deg**2)

    @property
    def is_empty(self: Mask) -> bool | NDArray[np.bool_]:
        """Whether nothing is kept; an array of shape (n_bins,) for a mask with energy."""
        return self._per_plane(plane.is_empty for plane in self._planes)  # type: ignore[no-any-return]

    @property
    def is_full(self: Mask) -> bool | NDArray[np.bool_]:
        """Whether the whole sky is kept; an array of shape (n_bins,) for a mask with energy."""
        return self._per_plane(plane.is_full for plane in self._planes)  # type: ignore[no-any-return]

    def contains(self: Mask, coord: SkyCoord, energy: u.Quantity | str | None = None) -> Any:
        """Whether positions (and energies) are kept.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. Distances make no difference: the direction counts in which a position is seen.
            A position on an edge between cells, within 1e-14 rad, belongs to the northern cell.
        energy : `~astropy.units.Quantity` or str, optional
            Energies that broadcast against `coord`. One outside all bins is not kept. A mask without
            energy gives the same answer at all energies.

        Returns
        -------
        bool or numpy.ndarray of bool
            In the broadcast shape. For a mask with energy and `energy` left out, each bin's answer:
            shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If a position or energy is not finite, or of another kind.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> north.contains(SkyCoord([10, 10], [45, -45], unit="deg"))
        array([ True, False])
        """
        return lookup.contains(self._planes, self._order, self._frame, self._energy, coord, energy)

    def energy_range(self: Mask, coord: SkyCoord) -> tuple[u.Quantity, u.Quantity]:
        """Lowest and highest energy that is kept at positions, as of gammapy's datasets.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. Distances make no difference: the direction counts in which a position is seen.

        Returns
        -------
        energy_min, energy_max : `~astropy.units.Quantity`, shape of `coord`
            Lower edge of the first bin that is kept and upper edge of the last one; NaN where none is. Bins in between
            that are not kept make no difference.

        Raises
        ------
        ValueError
            If the mask has no energy bins, or a position is not finite.

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import EnergyAxis, Mask
        >>> axis = EnergyAxis([1, 10, 100] * u.GeV)
        >>> crab = SkyCoord(83.63, 22.01, unit="deg")
        >>> mask = ~Mask.from_cones(crab, [[2, 0.5]] * u.deg, order=10, energy=axis)
        >>> mask.energy_range(SkyCoord([83.63, 83.63], [22.01, 23.01], unit="deg"))
        (<Quantity [nan, 10.] GeV>, <Quantity [ nan, 100.] GeV>)
        """
        axis = self._needed_energy()
        return energy_bins.kept_range(np.asarray(self.contains(coord)), axis)

    @property
    def energy_range_total(self: Mask) -> tuple[u.Quantity, u.Quantity] | None:
        """Lowest and highest energy at which any sky is kept, or None if none is. Of a mask with energy bins only."""
        return energy_bins.range_of_all(self._planes, self._needed_energy())

    def energy_range_wcs(
        self: Mask, wcs: WCS, shape: tuple[int, int] | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        """`energy_range` at the pixels of an image: two maps of shape (ny, nx), NaN where nothing is kept.

        Parameters as in `to_wcs`.
        """
        axis = self._needed_energy()
        return energy_bins.kept_range(self.to_wcs(wcs, shape), axis)

    def energy_range_healpix(
        self: Mask, order: int | None = None, *, nest: bool = False
    ) -> tuple[u.Quantity, u.Quantity]:
        """`energy_range` at the cells of a full HEALPix map: two maps, NaN where nothing is kept.

        Parameters as in `to_healpix`.
        """
        axis = self._needed_energy()
        maps = (one.to_healpix(order, nest=nest) for one in self.iter_bins())
        return energy_bins.kept_range(maps, axis)

    def distance(
        self: Mask, coord: SkyCoord, energy: u.Quantity | str | None = None, *, n_threads: int | None = None
    ) -> u.Quantity:
        """How far positions are from the mask's edge: positive inside, negative outside.

        For a position that is kept, the great-circle distance to the nearest centre of a cell (of the mask's
        order) that is not; for one that is not kept, minus the distance to the nearest centre of a cell that is.
        It is exact to rounding, some 1e-15 rad. Where there is no other side it is infinite: +inf in a full
        mask, -inf in an empty one.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord`, any shape
            Positions, in any frame. Distances make no difference: the direction counts in which a position is seen.
        energy : `~astropy.units.Quantity` or str, optional
            Energies that broadcast against `coord`. Nothing is kept at one outside all bins: -inf.
        n_threads : int, optional
            Threads to use, by default all processors. The result does not depend on it.

        Returns
        -------
        `~astropy.units.Quantity`, in deg
            In the broadcast shape. For a mask with energy and `energy` left out, each bin's answer:
            shape (n_bins, ...).

        Raises
        ------
        TypeError, ValueError
            If a position or energy is not finite, or of another kind.

        See Also
        --------
        distance_map : the same at all cells.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=10)
        >>> print(north.distance(SkyCoord([10, 10], [45, -30], unit="deg")).round(2))
        [ 45.04 -30.  ] deg
        """
        from hpmask import distance

        return distance.distance(self, coord, energy, n_threads=n_threads)

    def distance_map(
        self: Mask, order: int | None = None, *, nest: bool = False, n_threads: int | None = None
    ) -> u.Quantity:
        """The `distance` of the centres of all cells, as a full HEALPix map in the mask's frame.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default the mask's. The distances are to cells of the mask's order all the same.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Threads to use, by default all processors.

        Returns
        -------
        `~astropy.units.Quantity`, in deg, shape (12 * 4**order,) or (n_bins, 12 * 4**order)
            Positive inside, negative outside, infinite where there is no other side. The memory it takes is that
            of this map alone.

        Raises
        ------
        ValueError
            If the map would take more than 16 GiB.

        Examples
        --------
        >>> from hpmask import Mask, RangeSet
        >>> mask = Mask(RangeSet.from_cells([0, 1, 2, 3], order=0))
        >>> print(mask.distance_map().round(1))
        [ 58.2  58.2  58.2  58.2 -58.2 -58.2 -58.2 -58.2 -83.6 -83.6 -83.6 -83.6] deg
        """
        from hpmask import distance

        return distance.distance_map(self, order=order, nest=nest, n_threads=n_threads)

    def apodize(
        self: Mask,
        width: Width,
        *,
        kind: Literal["C1", "C2", "smooth"] = "C1",
        order: int | None = None,
        nest: bool = False,
        n_threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Weights that fall smoothly to 0 towards the edge, as a full HEALPix map in the mask's frame.

        As NaMaster's ``mask_apodization`` defines them. A cell outside the mask has the weight 0. With theta the
        distance from a cell's centre to the nearest centre outside, and
        x = sqrt((1 - cos theta) / (1 - cos width)),

        * "C1": x - sin(2 pi x) / (2 pi) for x < 1, else 1
        * "C2": (1 - cos(pi x)) / 2 for x < 1, else 1
        * "smooth": cells with theta <= 2.5 width are set to 0, the map is convolved with a Gaussian of the
          standard deviation `width` and set to 0 outside the mask. This is done by spherical harmonics up to
          3 nside - 1, which may leave weights a little below 0 or above 1, and needs healpy
          (``pip install "hpmask[healpy]"``).

        Parameters
        ----------
        width : `~astropy.units.Quantity`, str or callable
            How far the edge reaches inwards, above 0 and up to 180 deg: a scalar, or with energy also of shape
            (n_bins,), or a function of the energy axis that returns such.
        kind : {"C1", "C2", "smooth"}, optional
            The form of the edge.
        order : int, optional
            Order of the map, by default the mask's. The mask is first brought to it, as by `at_order`.
        nest : bool, optional
            Number the cells NESTED instead of RING.
        n_threads : int, optional
            Threads to use, by default all processors.

        Returns
        -------
        numpy.ndarray of float, shape (12 * 4**order,) or (n_bins, 12 * 4**order)

        Raises
        ------
        TypeError, ValueError
            If `width` is no positive angle or `kind` another one, or the map would take more than 16 GiB.
        ImportError
            If `kind` is "smooth" and healpy is not installed.

        Notes
        -----
        C1 and C2 are those of Grain, Tristram & Stompor (`2009, Phys. Rev. D 79, 123515
        <https://doi.org/10.1103/PhysRevD.79.123515>`_), with the two names as NaMaster has them: it is the other way
        round in the paper.

        Examples
        --------
        >>> from hpmask import Mask
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=5)
        >>> weights = north.apodize("10 deg", kind="C2")
        >>> print(f"{weights.mean():.3f} of {north.sky_fraction:.3f}")
        0.468 of 0.505
        """
        from hpmask import distance

        return distance.apodize(self, width, kind=kind, order=order, nest=nest, n_threads=n_threads)

    def components(self: Mask, *, connectivity: int = 8) -> Components:
        """The connected components of the mask, the largest first.

        The graph is that of neighbouring cells of the mask's order. The work is linear in the number of ranges.

        Parameters
        ----------
        connectivity : {8, 4}, optional
            8: neighbours share an edge or a corner (a cell has seven where three base cells meet). 4: they share
            an edge.

        Returns
        -------
        Components
            A sequence of masks, with arrays of their areas, centres and extents. Of components of equal area,
            that with the first cell in NESTED order comes first. For a mask with energy whose bins all have
            the same sky, the masks have its energy axis.

        Raises
        ------
        ValueError
            If the sky differs from bin to bin: `reduce` the mask, or take one of its `planes`.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> stars = SkyCoord([10, 20, 20.9], [-5, 60, 60], unit="deg")
        >>> parts = Mask.from_cones(stars, "0.3 deg", order=10).components()
        >>> parts
        <Components: 2, 0.2787 deg2 to 0.5213 deg2>
        >>> parts.center.to_string(precision=1)
        ['20.5 60.0', '10.0 -5.0']
        >>> print(parts.extent.round(2))
        [0.51 0.3 ] deg
        """
        return Components(self, connectivity)

    def n_components(self: Mask, *, connectivity: int = 8) -> int | NDArray[np.int64]:
        """The number of connected components of the mask; of shape (n_bins,) for a mask with energy.

        Parameters as in `components`.
        """
        counts = {id(plane): count(plane, connectivity) for plane in self._distinct()}
        return self._per_plane(counts[id(plane)] for plane in self._planes)  # type: ignore[no-any-return]

    def plot(self: Mask, ax: Axes | None = None, **options: Any) -> Any:
        """Draw the mask; see `hpmask.plot.plot`."""
        from hpmask import plot

        return plot.plot(self, ax, **options)

    def plot_grid(self: Mask, **options: Any) -> Any:
        """Draw each energy bin; see `hpmask.plot.plot_grid`."""
        from hpmask import plot

        return plot.plot_grid(self, **options)

    def plot_interactive(self: Mask, ax: Axes | None = None, **options: Any) -> Any:
        """Draw an energy bin, with a slider to the others; see `hpmask.plot_slider.plot_interactive`."""
        from hpmask import plot_slider

        return plot_slider.plot_interactive(self, ax, **options)
