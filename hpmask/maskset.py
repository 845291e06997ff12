"""MaskSet: an ordered mapping from names to masks, the layers of a survey."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypeVar, cast, overload

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from hpmask._utils.arguments import MAX_ORDER, check_invalid
from hpmask._utils.pickles import rebuilder
from hpmask._utils.stable import stable_hash
from hpmask._utils.words import counted, shown
from hpmask.catalog import flag_columns
from hpmask.catalog.positions import energies_of, positions_of
from hpmask.core import algebra, flags, named, randoms
from hpmask.core.flags import FlagIndex
from hpmask.core.named import layers_of
from hpmask.core.positions import Positions
from hpmask.core.value import MaskValue
from hpmask.mask import Mask
from hpmask.regions import masks as footprints
from hpmask.regions.batches import Shapes
from hpmask.wcs import to_image

if TYPE_CHECKING:
    from astropy.visualization.wcsaxes import WCSAxes
    from healsparse import HealSparseMap
    from matplotlib.figure import Figure, SubFigure

    from hpmask.plotting import Page

__all__ = ["MaskSet"]

T = TypeVar("T")


class MaskSet(Mapping[str, Mask]):
    """Masks with names: the layers of a survey, such as its reasons ("star", "halo") or its bands ("g", "r").

    A MaskSet is an immutable, ordered mapping from names to masks in one frame. The first layer is bit 0 of the flags,
    the second one is bit 1, and so on. A layer may have energy bins or none, and its own order.

    Sets are hashable and picklable. Two sets are equal if their names are equal, in the same order, and their masks.
    ``masks["star"]`` is the mask of a layer, and ``masks[["star", "halo"]]`` is the set of these layers, in this order.

    Parameters
    ----------
    masks : mapping of str to Mask, or iterable of pairs of str and Mask
        The layers. A name is a string of printable characters that neither begins nor ends with a space. Upper and
        lower case differ.

    Raises
    ------
    TypeError, ValueError
        If there is no layer, a name is empty, not printable or given twice, a layer is not a Mask, or the masks have
        different frames.

    Examples
    --------
    >>> from astropy.coordinates import SkyCoord
    >>> from hpmask import Mask, MaskSet
    >>> stars = SkyCoord([10, 20], [-5, 30], unit="deg")
    >>> masks = MaskSet(
    ...     {
    ...         "star": Mask.from_cones(stars, "20 arcsec", order=14),
    ...         "halo": Mask.from_cones(stars, "2 arcmin", order=12),
    ...     }
    ... )
    >>> masks
    <MaskSet icrs order=14 | 2 layers: star, halo>
    >>> masks["halo"].contains(SkyCoord(10.02, -5, unit="deg"))
    True
    """

    __slots__ = ("__weakref__", "_index", "_masks")

    _masks: dict[str, Mask]
    _index: FlagIndex | None

    def __init__(self, masks: Mapping[str, Mask] | Iterable[tuple[str, Mask]]) -> None:
        self._masks = layers_of(masks)
        self._index = None

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        frame: str | None = None,
        within: Mask | Shapes | Any = None,
    ) -> MaskSet:
        """Read the file or folder of a set.

        Parameters
        ----------
        path : str, path or binary file
            A path, a URL (through fsspec: ``pip install "hpmask[remote]"``), or a file that is open in binary mode, as
            for `Mask.read`. It is a file or a folder that `write` wrote, or one of another format that holds layers.
        format : str, optional
            Name of the format, one of `hpmask.io.formats`. By default the content of the file decides, or else its
            name.
        frame : {"icrs", "galactic"}, optional
            For formats that do not record it: frame of the cells.
        within : Mask, Shapes or regions, optional
            The sky that is wanted, as for `Mask.read`. The result has the layers of the file within it.

        Returns
        -------
        MaskSet
            The layers, in the order of their bits.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        MaskFormatError
            If the file does not hold a set or is damaged: layers are missing, appear twice or have changed places.
        TypeError, ValueError
            If `format` is not a known format, or an option is not one of the format.

        See Also
        --------
        write : write a set.
        Mask.read : reads one layer of a file, with the option `layer`.

        Examples
        --------
        >>> import tempfile
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.full()})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     masks.write(f"{folder}/masks.fits")
        ...     MaskSet.read(f"{folder}/masks.fits") == masks
        ...     Mask.read(f"{folder}/masks.fits", layer="halo") == masks["halo"]
        True
        True
        """
        from hpmask import io

        footprint = None if within is None else footprints.footprint(within)
        found = io.read_set(path, format=format, within=footprint, frame=frame)
        return cls(cast("dict[str, Mask]", found))

    @classmethod
    def from_healsparse(
        cls,
        map: Any,
        names: Sequence[str] | None = None,
        *,
        frame: str | None = None,
        within: Mask | Shapes | Any = None,
    ) -> MaskSet:
        """Return the bits of a wide mask of healsparse as a set.

        Parameters
        ----------
        map : healsparse.HealSparseMap or path
            A wide mask, or a map of integers whose bits are meant; or a FITS file of one, which is read without
            healsparse.
        names : sequence of str, optional
            Names of the first bits, in their order; the other bits are left out. By default the names in the metadata,
            ``BIT0``, ``BIT1`` and so on, which `to_healsparse` and `write` put there. Bits without a name are called
            ``bit0``, ``bit1`` and so on: all of them if no bit has a name, and else those that are set somewhere.
        frame : {"icrs", "galactic"}, optional
            Frame of the map, unless its metadata has it as ``COORDSYS``.
        within : Mask, Shapes or regions, optional
            The sky that is wanted, as for `Mask.read`. Of a file, only the blocks that matter are read.

        Returns
        -------
        MaskSet
            A layer for each bit, True where the bit is set.

        Raises
        ------
        MaskFormatError
            If the file is damaged.
        TypeError, ValueError
            If the map has no bits, fewer bits than names, or integers without names; or if `frame` is missing.

        See Also
        --------
        to_healsparse : The other way.
        Mask.from_map : The mask of some bits, with the option `bits`.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.from_regions("icrs; circle(40, 10, 5)", order=9), "halo": Mask.full()})
        >>> MaskSet.from_healsparse(masks.to_healsparse()) == masks
        True
        """
        from hpmask.interop import healsparse
        from hpmask.io.format import as_footprint, cut

        footprint = None if within is None else as_footprint(footprints.footprint(within))
        found = healsparse.layers_from_healsparse(map, names, frame=frame, within=footprint)
        return cls(cast("dict[str, Mask]", {name: cut(mask, footprint) for name, mask in found.items()}))

    # ------------------------------------------------------------------ properties

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers, in the order of their bits."""
        return tuple(self._masks)

    @property
    def frame(self) -> str:
        """Frame of the masks, "icrs" or "galactic"."""
        return next(iter(self._masks.values())).frame

    @property
    def order(self) -> int:
        """The finest of the orders of the masks."""
        return max(mask.order for mask in self._masks.values())

    @property
    def bits(self) -> dict[str, int]:
        """The number of the bit of each layer, by name."""
        return {name: k for k, name in enumerate(self._masks)}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the flags: the smallest of uint8, uint16, uint32 and uint64 that has a bit for each layer.

        It is uint64 for more than 64 layers, whose flags have several words.
        """
        return flags.flag_dtype(len(self))

    # ------------------------------------------------------------------ the mapping

    @overload
    def __getitem__(self, name: str) -> Mask: ...

    @overload
    def __getitem__(self, name: list[str] | tuple[str, ...]) -> Self: ...

    def __getitem__(self, name: Any) -> Any:
        """Return the mask of a layer, or the set of some layers for a list of names."""
        if isinstance(name, list | tuple):
            return type(self)([(one, self._layer(one)) for one in name])
        return self._layer(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            return name in self._masks
        raise TypeError(f"a name must be a string, got {shown(name)}: use flags(positions) to look up positions")

    def __eq__(self, other: object) -> bool:
        """Whether two sets have the same names in the same order, and equal masks."""
        if not isinstance(other, MaskSet):
            return NotImplemented
        return self.names == other.names and self._masks == other._masks

    def __hash__(self) -> int:
        return stable_hash("masks", *(part for name, mask in self._masks.items() for part in (name, hash(mask))))

    # ------------------------------------------------------------------ queries

    def flags(
        self,
        positions: SkyCoord | u.Quantity | ArrayLike | Any,
        lat: u.Quantity | ArrayLike | str | None = None,
        *,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        lon: str | None = None,
        catalog_frame: str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        n_threads: int | None = None,
    ) -> Any:
        """Return which layers hold positions, as the bits of an integer, in one search for all layers.

        Bit k is 1 where the layer number k holds the position. The number of the bit of each layer is in `bits`.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, array-like or table
            Positions of any shape and in any frame; or longitudes in the frame of the masks, in degrees if they are
            numbers; or a table of any kind, as in `Mask.contains`.
        lat : `~astropy.units.Quantity`, array-like or str, optional
            Latitudes, in degrees if they are numbers. For a table, the name of their column.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against the positions, or the name of a column of the table. It is
            needed if a layer has energy bins. Other layers give the same answer at all energies.
        energy_unit : `~astropy.units.Unit` or str, optional
            The unit of a column of energies that has none.
        lon : str, optional
            Only for a table. The name of the column of longitudes, or of a column of SkyCoord.
        catalog_frame : str, optional
            Only for a table. The frame of its positions, such as "icrs", "galactic" or "fk4".
        invalid : {"raise", "skip"}, optional
            What to do with positions that are missing, not finite or beyond a pole, and with energies that are NaN:
            raise an error that names the first one, or give them the flag 0.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        int or numpy.ndarray of unsigned int
            The flags, in the broadcast shape and of the type `dtype`. For more than 64 layers there is one more axis,
            of 64-bit words: the layer number k is bit k % 64 of word k // 64.

        Raises
        ------
        TypeError, ValueError
            If the positions are none of these, a table has no columns of positions, a layer has energy bins and
            `energy` is not given, or a value is not finite or is masked.

        See Also
        --------
        contains : the answers by the names of the layers.
        flag : a table with the flags as a new column.
        names_of : the names of the layers in a flag.

        Notes
        -----
        The first call for many positions makes an index of all layers, which is kept. It takes about 30 ns and 6 bytes
        for each beginning and end of a range.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> east = Mask.from_zone(lon=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "east": east})
        >>> masks.flags([10, 10, 200], [45, -45, -45])
        array([3, 2, 0], dtype=uint8)
        >>> masks.names_of(3)
        ('north', 'east')
        """
        check_invalid(invalid)
        where = positions_of(positions, lat, frame=self.frame, lon=lon, catalog_frame=catalog_frame, invalid=invalid)
        return self._flags(where, energies_of(positions, energy, energy_unit), invalid, n_threads)

    def flags_cells(
        self,
        cells: ArrayLike,
        order: int = MAX_ORDER,
        *,
        energy: u.Quantity | str | None = None,
        n_threads: int | None = None,
    ) -> Any:
        """Return which layers hold the centres of HEALPix cells, as the bits of an integer.

        Parameters
        ----------
        cells : array-like of int, any shape
            NESTED cells in the frame of the masks, 0 to ``12 * 4**order - 1``.
        order : int, optional
            Their order, 0 to 29.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against the cells. They are needed if a layer has energy bins.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        int or numpy.ndarray of unsigned int
            The flags, as in `flags`.

        Raises
        ------
        TypeError, ValueError
            If `cells` are not cells of this order, or a layer has energy bins and `energy` is not given.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> masks.flags_cells([0, 11], order=0)
        array([1, 2], dtype=uint8)
        """
        return self._flags(Positions.of_cells(cells, order), energy, "raise", n_threads)

    def contains(
        self,
        positions: SkyCoord | u.Quantity | ArrayLike | Any,
        lat: u.Quantity | ArrayLike | str | None = None,
        *,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        lon: str | None = None,
        catalog_frame: str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        n_threads: int | None = None,
    ) -> dict[str, Any]:
        """Return whether each layer holds positions, by the names of the layers, in one search for all layers.

        Parameters
        ----------
        positions : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity`, array-like or table
            Positions, as in `flags`.
        lat : `~astropy.units.Quantity`, array-like or str, optional
            Latitudes, in degrees if they are numbers. For a table, the name of their column.
        energy : `~astropy.units.Quantity` or str, optional
            Energies, which are broadcast against the positions, or the name of a column of the table. It is
            needed if a layer has energy bins.
        energy_unit : `~astropy.units.Unit` or str, optional
            The unit of a column of energies that has none.
        lon : str, optional
            Only for a table. The name of the column of longitudes, or of a column of SkyCoord.
        catalog_frame : str, optional
            Only for a table. The frame of its positions, such as "icrs", "galactic" or "fk4".
        invalid : {"raise", "skip"}, optional
            What to do with positions that are missing, not finite or beyond a pole, and with energies that are NaN:
            raise an error that names the first one, or treat them as outside all layers.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        dict of str to bool or numpy.ndarray of bool
            The answers of each layer, in the broadcast shape.

        Raises
        ------
        TypeError, ValueError
            As in `flags`.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> masks.contains([10, 10], [45, -45])
        {'north': array([ True, False]), 'south': array([False,  True])}
        """
        found = self.flags(
            positions,
            lat,
            energy=energy,
            energy_unit=energy_unit,
            lon=lon,
            catalog_frame=catalog_frame,
            invalid=invalid,
            n_threads=n_threads,
        )
        return {name: flags.bits_of(found, k, len(self)) for name, k in self.bits.items()}

    def flag(
        self,
        table: T,
        column: str = "flags",
        *,
        lon: str | None = None,
        lat: str | None = None,
        catalog_frame: str | None = None,
        energy: u.Quantity | str | None = None,
        energy_unit: u.UnitBase | str | None = None,
        invalid: Literal["raise", "skip"] = "raise",
        overwrite: bool = False,
        n_threads: int | None = None,
    ) -> T:
        """Return a table of the same kind with a new column: the flags of its rows.

        The given table is not changed. The names of the bits go with the new column: as ``info.meta["bits"]`` of the
        column of an astropy Table (which its FITS, ECSV and parquet files keep), as ``attrs["bits"][column]`` of a
        pandas DataFrame, and as the metadata ``bits`` of the field of an Arrow table, in JSON. Other tables have no
        place for them.

        Parameters
        ----------
        table : `~astropy.table.Table`, data frame, structured array, FITS table or dict of columns
            The table, as in `Mask.flag`.
        column : str, optional
            Name of the new column, of the type `dtype`. For more than 64 layers there are several columns: ``flags_0``
            with the bits of the first 64 layers, ``flags_1`` and so on.
        lon, lat : str, optional
            The columns of longitude and latitude, if their names are not known ones. `lon` alone may name a column of
            SkyCoord.
        catalog_frame : str, optional
            The frame of the positions, such as "icrs", "galactic" or "fk4", if the table does not say it.
        energy : `~astropy.units.Quantity` or str, optional
            The energies of the rows, or the name of their column. Layers with energy bins need them.
        energy_unit : `~astropy.units.Unit` or str, optional
            The unit of a column of energies that has none.
        invalid : {"raise", "skip"}, optional
            What to do with rows whose position or energy is missing or not finite: raise an error that names the first
            one, or give them the flag 0.
        overwrite : bool, optional
            Replace a column of that name.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        table
            With all rows, the metadata and the index.

        Raises
        ------
        TypeError, ValueError
            If it is not a table, it has no columns of positions, a row has no position, a layer has energy bins and
            `energy` is not given, or there is a column of that name and `overwrite` is False.

        See Also
        --------
        flags : the flags alone.

        Examples
        --------
        >>> from astropy.table import Table
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(None, ("0 deg", "90 deg"), order=4)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> table = masks.flag(Table({"RA": [10.0, 20.0], "DEC": [45.0, -45.0]}))
        >>> table.pprint()
         RA   DEC  flags
        ---- ----- -----
        10.0  45.0     1
        20.0 -45.0     2
        >>> table["flags"].info.meta["bits"]
        {'north': 0, 'south': 1}
        """
        words: dict[str, Any] = {"lon": lon, "catalog_frame": catalog_frame, "invalid": invalid, "n_threads": n_threads}

        def flags_of(part: Any) -> Any:
            return self.flags(part, lat, energy=energy, energy_unit=energy_unit, **words)

        flagged: T = flag_columns.with_flags(table, column, self.names, flags_of, overwrite=overwrite)
        return flagged

    def names_of(self, flag: int | ArrayLike) -> tuple[str, ...]:
        """Return the names of the layers in a flag.

        Parameters
        ----------
        flag : int, or array-like of int, shape (n_words,)
            One flag as `flags` gives it. For more than 64 layers it has several words.

        Returns
        -------
        tuple of str
            The names, in the order of the bits.

        Raises
        ------
        TypeError, ValueError
            If it is not a single flag, or has bits that no layer has.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.empty(), "trail": Mask.empty()})
        >>> masks.names_of(5)
        ('star', 'trail')
        """
        return named.names_of(flag, self.names)

    def flag_of(self, *names: str) -> int:
        """Return the flag of a position that some layers hold, and no others.

        Parameters
        ----------
        *names : str
            Names of layers.

        Returns
        -------
        int
            The sum of ``1 << bits[name]``. Select with it: ``flags & masks.flag_of("star", "halo") != 0`` is True where
            one of these layers holds a position.

        Raises
        ------
        KeyError
            If there is no layer of a name.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.empty(), "trail": Mask.empty()})
        >>> masks.flag_of("star", "trail")
        5
        """
        for name in names:
            self._layer(name)
        return sum(1 << k for name, k in self.bits.items() if name in names)

    def areas(self) -> Table:
        """Return the area of each layer.

        Returns
        -------
        `~astropy.table.Table`
            A row for each layer, or for each energy bin of a layer that has them. The columns are the name, the number
            of the bit, the area in deg2, and the fraction of the sky. If any layer has energy bins there are also
            `energy_min` and `energy_max`, which are masked for layers without energy.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "sky": Mask.full()})
        >>> masks.areas().pprint(show_unit=False)
         name bit   area  sky_fraction
        ----- --- ------- ------------
        north   0 20841.3       0.5052
          sky   1   41253            1
        """
        return named.areas(self._masks)

    def random(
        self,
        n: int | None = None,
        *,
        density: u.Quantity | str | None = None,
        poisson: bool = False,
        seed: int | np.random.Generator | np.random.SeedSequence | None = None,
        n_threads: int | None = None,
    ) -> dict[str, Any]:
        """Return random positions in each layer, distributed uniformly over the sky of the layer.

        Parameters
        ----------
        n : int, optional
            The number of positions in each layer; with energy bins, in each bin. Either `n` or `density` is needed.
        density : `~astropy.units.Quantity` or str, optional
            Number of positions per area, such as ``"1000 deg-2"``.
        poisson : bool, optional
            Draw the numbers from the Poisson distribution whose mean is `density` times the area.
        seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
            Where the random numbers come from. The same integer gives the same positions in a layer of the same name
            and mask, whichever other layers the set has. A Generator is advanced. Without a seed, each call gives other
            positions.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        dict of str to `~astropy.coordinates.SkyCoord` or list of `~astropy.coordinates.SkyCoord`
            The positions in each layer as `Mask.random` returns them: shape (n,), or (n_bins, n) for a layer with
            energy; by `density`, a layer with energy has a list with a SkyCoord for each bin. The layers are
            independent of each other, also where they hold the same sky.

        Raises
        ------
        TypeError, ValueError
            As in `Mask.random`. The message begins with the name of the layer.

        See Also
        --------
        write_randoms : Any number of positions, to a parquet file.
        Mask.random : Positions in one mask. The same seed gives other positions there.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> positions = masks.random(1000, seed=1)
        >>> masks["south"].contains(positions["south"]).all()
        np.True_
        >>> alone = masks[["south"]].random(1000, seed=1)
        >>> bool((alone["south"].ra == positions["south"].ra).all())
        True
        """
        return cast(
            "dict[str, Any]",
            randoms.random_layers(self._masks, n, density=density, poisson=poisson, seed=seed, n_threads=n_threads),
        )

    def write_randoms(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        n: int | None = None,
        *,
        density: u.Quantity | str | None = None,
        poisson: bool = False,
        seed: int | np.random.Generator | np.random.SeedSequence | None = None,
        chunk: int = 1 << 20,
        overwrite: bool = False,
        n_threads: int | None = None,
        progress: bool = False,
    ) -> dict[str, list[int]]:
        """Write random positions in each layer to a parquet file, piece by piece: any number of them in little memory.

        They are the positions of `random` with the same seed, layer after layer. The columns are those of
        `Mask.write_randoms`, and ``layer``, the name of the layer. ``bin`` is there if any layer has energy, and is
        -1 in layers that have none.

        Parameters
        ----------
        path : str, path or binary file
            The file, which takes its place when it is complete.
        n : int, optional
            The number of positions in each layer, for each energy bin. Either `n` or `density` is needed.
        density : `~astropy.units.Quantity` or str, optional
            Number of positions per area.
        poisson : bool, optional
            Draw the numbers from a Poisson distribution.
        seed : int, numpy.random.Generator or numpy.random.SeedSequence, optional
            Where the random numbers come from. These four are those of `random`.
        chunk : int, optional
            Positions in a row group of the file, and in memory at once.
        overwrite : bool, optional
            Replace an existing file.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The positions do not depend on it.
        progress : bool, optional
            Show a progress bar.

        Returns
        -------
        dict of str to list of int
            The number of positions in each energy bin of each layer; one number for a layer without energy.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        ImportError
            If pyarrow is not installed.
        TypeError, ValueError
            As in `random`.

        See Also
        --------
        random : Positions in memory.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from astropy.table import Table
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=6)
        >>> masks = MaskSet({"north": north, "all": Mask.full()})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     numbers = masks.write_randoms(Path(folder) / "randoms.parquet", density="0.1 deg-2", seed=1)
        ...     table = Table.read(Path(folder) / "randoms.parquet")
        >>> numbers, table.colnames
        ({'north': [2073], 'all': [4125]}, ['ra', 'dec', 'layer'])
        """
        from hpmask.io.randoms import write_layers

        return write_layers(
            self._masks,
            path,
            n,
            density=density,
            poisson=poisson,
            seed=seed,
            chunk=chunk,
            overwrite=overwrite,
            n_threads=n_threads,
            progress=progress,
        )

    def plot(
        self,
        ax: WCSAxes | None = None,
        *,
        style: str | None = None,
        energy: u.Quantity | str | None = None,
        kept: Any = None,
        excluded: Any = None,
        edge: Any = None,
        alpha: float | None = None,
        legend: bool = True,
        title: str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | tuple[u.Quantity, u.Quantity] | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        vector: bool | None = None,
        figure: Figure | SubFigure | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> WCSAxes:
        """Draw all layers on one sky, with a legend that names them.

        Of a layer that keeps more than half of the sky, the excluded sky is drawn; of any other, the kept sky. On the
        whole sky, the legend says how much of it each layer keeps or excludes.

        Parameters
        ----------
        ax : `~astropy.visualization.wcsaxes.WCSAxes` or map of skyproj, optional
            Axes to draw over, as in `hpmask.Mask.plot`.
        style : {"exclusion", "footprint", "outline"}, optional
            Fill the excluded sky or the kept sky of all layers, or draw edges only; by default as fits each layer.
        energy : `~astropy.units.Quantity` or str, optional
            Draw only the energy bins that contain this energy. By default, sky that a layer keeps in only some of its
            bins has a colour of its own.
        kept, excluded, edge : matplotlib colour, or list or mapping of colours, optional
            Colours of the kept sky, of the excluded sky, and of the edges: one for all layers, a list with one for each
            layer, or a mapping from names of layers to colours. Layers that it does not name keep their own.
        alpha : float, optional
            Opacity of the fills, from 0 to 1; by default 0.75, so that layers below are seen.
        legend : bool, optional
            Whether to draw a legend.
        title : str, optional
            Title of the axes.
        frame, center, width, height, projection, wcs, shape, hdu, lon_unit, vector, figure, figsize : optional
            What the picture shows, and the figure, as in `hpmask.Mask.plot`.

        Returns
        -------
        `~astropy.visualization.wcsaxes.WCSAxes`
            The axes, or those of skyproj.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `ax` has no sky projection, or `center` is not a position for a field with a width.
        ValueError
            If a list of colours does not have one for each layer, a mapping of colours names another layer, an option
            is not valid, options exclude each other, or the number of pixels of a WCS is not known.

        See Also
        --------
        Mask.plot : Draw one mask; all options are explained there.
        MaskSet.plot_grid : Draw each layer in a picture of its own.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("30 deg", "60 deg"), order=7)
        >>> plane = Mask.from_zone(lat=("-5 deg", "5 deg"), zone_frame="galactic", order=7)
        >>> ax = MaskSet({"survey": north, "Galactic plane": ~plane}).plot(excluded={"Galactic plane": "tab:red"})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['survey (18.4 % of the sky)', 'Galactic plane (8.7 % excluded)']
        """
        from hpmask import plotting

        return plotting.plot(
            self._masks,
            ax,
            style=style,
            energy=energy,
            kept=kept,
            excluded=excluded,
            edge=edge,
            alpha=alpha,
            legend=legend,
            title=title,
            frame=frame,
            center=center,
            width=width,
            height=height,
            projection=projection,
            wcs=wcs,
            shape=shape,
            hdu=hdu,
            lon_unit=lon_unit,
            vector=vector,
            figure=figure,
            figsize=figsize,
        )

    def plot_grid(
        self,
        *,
        ncols: int | None = None,
        style: str | None = None,
        energy: u.Quantity | str | None = None,
        kept: Any = None,
        excluded: Any = None,
        edge: Any = None,
        alpha: float | None = None,
        legend: bool = True,
        title: str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | tuple[u.Quantity, u.Quantity] | str | None = None,
        width: u.Quantity | str | None = None,
        height: u.Quantity | str | None = None,
        projection: str | None = None,
        wcs: Any = None,
        shape: tuple[int, int] | None = None,
        hdu: int | str | None = None,
        lon_unit: str | None = None,
        vector: bool | None = None,
        figure: Figure | SubFigure | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> Figure | SubFigure:
        """Draw each layer in a separate picture of the whole sky, or of a field.

        A layer with energy bins has a colour of its own for the sky that is kept in some bins and not in others.

        Parameters
        ----------
        ncols : int, optional
            Number of columns of the grid, by default about the number of rows.
        style : {"exclusion", "footprint", "outline"}, optional
            As in `hpmask.Mask.plot`, for all layers; by default as fits each layer.
        energy : `~astropy.units.Quantity` or str, optional
            Draw only the energy bins that contain this energy.
        kept, excluded, edge : matplotlib colour, or list or mapping of colours, optional
            Colours of the kept sky, of the excluded sky, and of the edges, as in `plot`.
        alpha : float, optional
            Opacity of the fills, from 0 to 1; by default as in `plot`.
        legend : bool, optional
            Whether to draw one legend for all pictures.
        title : str, optional
            Title of the figure.
        frame, center, width, height, projection, wcs, shape, hdu, lon_unit, vector, figure, figsize : optional
            What each picture shows, and the figure, as in `hpmask.Mask.plot`.

        Returns
        -------
        `~matplotlib.figure.Figure` or `~matplotlib.figure.SubFigure`
            The figure, with one of its `axes` for each layer.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `center` is not a position for a field with a width.
        ValueError
            If `ncols` is not positive, an option is not valid, options exclude each other, or the number of pixels of
            a WCS is not known.

        See Also
        --------
        Mask.plot : Draw one mask; all options are explained there.
        MaskSet.plot : Draw all layers on one sky.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.full()})
        >>> figure = masks.plot_grid(ncols=1)
        >>> [ax.get_title() for ax in figure.axes]
        ['star: 0 % kept', 'halo: 100 % kept']
        """
        from hpmask import plotting

        return plotting.plot_grid(
            self._masks,
            ncols=ncols,
            style=style,
            energy=energy,
            kept=kept,
            excluded=excluded,
            edge=edge,
            alpha=alpha,
            legend=legend,
            title=title,
            frame=frame,
            center=center,
            width=width,
            height=height,
            projection=projection,
            wcs=wcs,
            shape=shape,
            hdu=hdu,
            lon_unit=lon_unit,
            vector=vector,
            figure=figure,
            figsize=figsize,
        )

    def view(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str | None = None,
        style: Literal["exclusion", "footprint", "outline"] | None = None,
        energy: u.Quantity | str | None = None,
        frame: str | None = None,
        center: SkyCoord | u.Quantity | str | None = None,
        width: u.Quantity | str | None = None,
        projection: Literal["MOL", "AIT", "SIN"] = "MOL",
        background: str | None = None,
        aladin: bool | str | os.PathLike[str] | None = None,
        max_bytes: int = 30_000_000,
        open: bool | None = None,
        overwrite: bool = False,
    ) -> Page:
        """Make a page for a browser: a map of the layers to pan, zoom and query.

        Each layer has its colour and can be switched on and off. The page tells which layers keep the position under
        the pointer. It is one HTML file, which needs neither a server nor a network, as in `Mask.view`.

        Parameters
        ----------
        path : str or path, optional
            HTML file to write. By default the page is kept in memory, and a temporary file is written to open it.
        title : str, optional
            Title of the page, by default the names of the layers.
        style : {"exclusion", "footprint", "outline"}, optional
            What has colour at first: the excluded sky, the kept sky, or the edges between them. By default the excluded
            sky if each layer keeps more than half of the sky, and the kept sky otherwise.
        energy : `~astropy.units.Quantity` or str, optional
            An energy in the bin that is shown first, by default the first bin.
        frame : {"icrs", "galactic"}, optional
            Coordinates of the map at first, by default the frame of the masks.
        center : `~astropy.coordinates.SkyCoord`, `~astropy.units.Quantity` or str, optional
            Middle of the map at first: a position such as ``"83.63 22.01"`` in `frame`, a longitude, or "auto" for the
            middle of the mask. By default 180 deg in ICRS and 0 deg in Galactic coordinates.
        width : `~astropy.units.Quantity` or str, optional
            Width of the map at first, as an angle at the scale of its middle. By default the whole sky.
        projection : {"MOL", "AIT", "SIN"}, optional
            Projection at first: Mollweide, Hammer-Aitoff, or a sphere seen from outside. Fields below 75 deg are drawn
            in a zenithal equal-area projection, unless this is "SIN".
        background : str, optional
            Name of a HiPS survey whose images are shown under the masks, such as "CDS/P/DSS2/color". It needs Aladin
            Lite and, when the page is open, a network.
        aladin : bool, str or path, optional
            Where Aladin Lite comes from, which draws the `background`: the URL of its ``aladin.js``, which the page
            loads; or the path of that file, which the page will contain; or True for a public server. The default is
            True with a `background`, and False without.
        max_bytes : int, optional
            Size of the masks in the page. If they would take more, the page has a coarser order, which it names, and a
            warning is issued.
        open : bool, optional
            Whether to open the page in a browser. By default it is opened unless `path` is given, or the result is
            displayed in a notebook.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Returns
        -------
        hpmask.plotting.Page
            The page, with the attributes `path`, `html`, `title` and `order`. A notebook displays it.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        FileNotFoundError
            If `aladin` is a path without a file.
        TypeError, ValueError
            If an argument has another type or is not one of the words above, or `width` is given without `center`.

        Warns
        -----
        UserWarning
            If the page has a coarser order, or no browser is found.

        See Also
        --------
        Mask.view : the page of a single mask.
        plot_grid : draw each layer with matplotlib.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, MaskSet
        >>> stars = SkyCoord([10, 20], [-5, 30], unit="deg")
        >>> masks = MaskSet(
        ...     {
        ...         "star": Mask.from_cones(stars, "20 arcsec", order=14),
        ...         "halo": Mask.from_cones(stars, "2 arcmin", order=12),
        ...     }
        ... )
        >>> page = masks.view(title="Stars", center=stars[0], width="10 arcmin", open=False)
        >>> page.title, page.order
        ('Stars', 14)
        """
        from hpmask import plotting

        return plotting.view(
            self,
            path,
            title=title,
            style=style,
            energy=energy,
            frame=frame,
            center=center,
            width=width,
            projection=projection,
            background=background,
            aladin=aladin,
            max_bytes=max_bytes,
            open=open,
            overwrite=overwrite,
        )

    # ------------------------------------------------------------------ one mask from several layers

    def any(self, *names: str) -> Mask:
        """Return the union of layers: the sky that any of them keeps.

        Parameters
        ----------
        *names : str
            Names of layers; by default all of them.

        Returns
        -------
        Mask
            The union, at the finest of their orders. A layer without energy counts in all bins of the others.

        Raises
        ------
        KeyError
            If there is no layer of a name.
        ValueError
            If layers have different energy bins.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> masks.any().is_full, masks.any("north") == north
        (True, True)
        """
        return algebra.union_all(self._some(names))

    def all(self, *names: str) -> Mask:
        """Return the intersection of layers: the sky that all of them keep.

        Parameters
        ----------
        *names : str
            Names of layers; by default all of them.

        Returns
        -------
        Mask
            The intersection, at the finest of their orders. A layer without energy counts in all bins of the others.

        Raises
        ------
        KeyError
            If there is no layer of a name.
        ValueError
            If layers have different energy bins.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=5)
        >>> masks = MaskSet({"north": north, "south": ~north})
        >>> masks.all().is_empty
        True
        """
        return algebra.intersection_all(self._some(names))

    def combine(
        self,
        keep: str | Sequence[str | Sequence[str]] | None = None,
        *,
        exclude: str | Sequence[str] | None = None,
    ) -> Mask:
        """Return the sky that all of some layers keep and none of others does.

        Parameters
        ----------
        keep : str or sequence of str, optional
            Names of layers. The sky must be in all of them. A sequence of names in place of a name stands for the union
            of these layers. By default the whole sky.
        exclude : str or sequence of str, optional
            Names of layers. The sky must be in none of them.

        Returns
        -------
        Mask
            The intersection of the layers in `keep` without those in `exclude`, at the finest of their orders.

        Raises
        ------
        KeyError
            If there is no layer of a name.
        TypeError, ValueError
            If neither is given, a name is not a string, a sequence within `keep` is empty, or layers have different
            energy bins.

        Examples
        --------
        Sky that has been observed in g and in r or i, and is not close to a star:

        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, MaskSet
        >>> tiles = [Mask.from_zone((f"{lon} deg", f"{lon + 40} deg"), order=6) for lon in (0, 20, 30)]
        >>> star = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "5 deg", order=6)
        >>> masks = MaskSet({"g": tiles[0], "r": tiles[1], "i": tiles[2], "star": star})
        >>> mask = masks.combine(keep=["g", ("r", "i")], exclude=["star"])
        >>> mask == (masks["g"] & (masks["r"] | masks["i"])) - star
        True
        """
        return named.combine(self._layer, keep, exclude)

    # ------------------------------------------------------------------ layer by layer

    def map(self, function: Callable[[Mask], Mask]) -> Self:
        """Return the set of the results of a function for the mask of each layer.

        Parameters
        ----------
        function : callable
            ``function(mask) -> Mask``. The results must have one frame.

        Returns
        -------
        MaskSet
            A set with the same names.

        Raises
        ------
        TypeError, ValueError
            If a result is not a Mask, or the results have different frames.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, MaskSet
        >>> star = Mask.from_cones(SkyCoord(10, 20, unit="deg"), "1 deg", order=8)
        >>> masks = MaskSet({"star": star, "halo": star.dilate("2 deg")})
        >>> masks.map(lambda mask: mask.dilate("1 deg"))["star"] == star.dilate("1 deg")
        True
        >>> masks.map(lambda mask: mask.at_order(6)).order
        6
        """
        return type(self)([(name, function(mask)) for name, mask in self._masks.items()])

    def with_layers(self, masks: Mapping[str, Mask] | Iterable[tuple[str, Mask]]) -> Self:
        """Return the set with other layers: those with a known name replace it, and new ones are added at the end.

        Parameters
        ----------
        masks : mapping of str to Mask, or iterable of pairs of str and Mask
            The layers.

        Returns
        -------
        MaskSet
            A set in which all layers that were there before have the same bits.

        Raises
        ------
        TypeError, ValueError
            If the layers are not those of a MaskSet, or have another frame.

        See Also
        --------
        without : the set without some layers.
        renamed : the set with other names.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.empty()})
        >>> masks.with_layers({"trail": Mask.empty(), "star": Mask.full()}).names
        ('star', 'halo', 'trail')
        """
        return type(self)({**self._masks, **layers_of(masks)})

    def without(self, *names: str) -> Self:
        """Return the set without some layers. The layers after them move to lower bits.

        Parameters
        ----------
        *names : str
            Names of layers.

        Returns
        -------
        MaskSet
            The other layers, in the same order.

        Raises
        ------
        KeyError
            If there is no layer of a name.
        ValueError
            If no layer is left.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.empty(), "trail": Mask.empty()})
        >>> masks.without("halo").bits
        {'star': 0, 'trail': 1}
        """
        for name in names:
            self._layer(name)
        return type(self)([(name, mask) for name, mask in self._masks.items() if name not in names])

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the set with other names. The bits stay as they are.

        Parameters
        ----------
        names : mapping of str to str
            The new names by the old ones.

        Returns
        -------
        MaskSet
            The same masks, in the same order.

        Raises
        ------
        KeyError
            If there is no layer of an old name.
        TypeError, ValueError
            If a new name cannot be one, or is that of another layer.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.empty()})
        >>> masks.renamed({"star": "bright star"}).names
        ('bright star', 'halo')
        """
        for name in names:
            self._layer(name)
        return type(self)([(names.get(name, name), mask) for name, mask in self._masks.items()])

    def __or__(self, other: MaskSet | Mask) -> Self:
        return self._layerwise(operator.or_, other)  # type: ignore[no-any-return]

    def __and__(self, other: MaskSet | Mask) -> Self:
        return self._layerwise(operator.and_, other)  # type: ignore[no-any-return]

    def __xor__(self, other: MaskSet | Mask) -> Self:
        return self._layerwise(operator.xor, other)  # type: ignore[no-any-return]

    def __sub__(self, other: MaskSet | Mask) -> Self:
        return self._layerwise(operator.sub, other)  # type: ignore[no-any-return]

    def __ror__(self, other: Mask) -> Self:
        return self._layerwise(lambda a, b: b | a, other)  # type: ignore[no-any-return]

    def __rand__(self, other: Mask) -> Self:
        return self._layerwise(lambda a, b: b & a, other)  # type: ignore[no-any-return]

    def __rxor__(self, other: Mask) -> Self:
        return self._layerwise(lambda a, b: b ^ a, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Mask) -> Self:
        return self._layerwise(lambda a, b: b - a, other)  # type: ignore[no-any-return]

    def __invert__(self) -> Self:
        return self.map(operator.invert)

    def _layerwise(self, operation: Callable[[Any, Any], Any], other: object) -> Any:
        if isinstance(other, MaskValue):
            return self.map(lambda mask: operation(mask, other))
        if not isinstance(other, MaskSet):
            return NotImplemented
        if set(other) != set(self):
            raise ValueError(
                f"the sets have different names, {', '.join(map(repr, self))} and {', '.join(map(repr, other))}: "
                "add or replace layers with with_layers, and choose some with masks[[...]]"
            )
        return type(self)([(name, operation(mask, other[name])) for name, mask in self._masks.items()])

    # ------------------------------------------------------------------ export

    def write(
        self, path: str | os.PathLike[str] | IO[bytes], *, overwrite: bool = False, format: str | None = None
    ) -> None:
        """Write the set to a file or a folder, atomically: a path never holds a part of a set.

        The names of the layers and the order of their bits are in the file, and a digest covers them.

        Parameters
        ----------
        path : str, path or binary file
            A path, a URL (through fsspec), or a file that is open in binary mode, for which `format` is needed. Its
            name gives the format: ``.fits`` is FITS, which holds every set. It has an IVOA MOC 2.0 for each layer, with
            the name of the layer, for other programs. ``.parquet`` is a table of ranges for every set, and ``.hsp`` a
            wide mask of healsparse, for sets without energy. A name that ends in ``.gz`` as well is compressed.
        overwrite : bool, optional
            Whether to replace an existing file or folder.
        format : str, optional
            Name of the format, one of `hpmask.io.formats`, if it is not that of the name. "folder" is a folder with a
            FITS file for each layer and an index of their names; "hats" is a HATS catalog of the type map, for LSDB.

        Raises
        ------
        FileExistsError
            If the file or folder exists and `overwrite` is False.
        FileNotFoundError
            If the directory does not exist.
        OSError
            If the file cannot be written, or `path` is not a file.
        TypeError, ValueError
            If the format is not known or cannot hold the set.

        See Also
        --------
        read : read a set.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask import Mask, MaskSet
        >>> masks = MaskSet({"star": Mask.empty(), "halo": Mask.full()})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     masks.write(f"{folder}/masks", format="folder")
        ...     sorted(path.name for path in Path(f"{folder}/masks").iterdir())
        ['00-star.fits', '01-halo.fits', 'layers.json']
        """
        from hpmask import io

        io.write_set(self._masks, path, overwrite=overwrite, format=format)

    def to_healsparse(self, *, order: int | None = None, nside_coverage: int | None = None) -> HealSparseMap:
        """Return the set as a wide mask of healsparse, with a bit for each layer.

        The map is made from the ranges, block by block, and needs the memory of its blocks: a byte of each pixel for
        each eight layers. `write` makes a file without healsparse and without that memory.

        Parameters
        ----------
        order : int, optional
            Order of the pixels, by default that of the set. The bit of a pixel of a coarser order is set if its centre
            is in the layer.
        nside_coverage : int, optional
            NSIDE of the coverage map, as in `Mask.to_healsparse`.

        Returns
        -------
        healsparse.HealSparseMap
            A wide mask. Its metadata has the names of the layers, as ``BIT0``, ``BIT1`` and so on, and the frame, as
            ``COORDSYS``. healsparse keeps them in its files.

        Raises
        ------
        ImportError
            If healsparse is not installed.
        TypeError, ValueError
            If an argument is not as above, a layer has energy bins (take one, or `Mask.reduce`), or the map would take
            more than 16 GiB.

        See Also
        --------
        from_healsparse : The other way.
        write : Files of healsparse, with the suffix ``.hsp``.

        Examples
        --------
        >>> from hpmask import Mask, MaskSet
        >>> disc = Mask.from_regions("icrs; circle(40, 10, 5)", order=9)
        >>> map_ = MaskSet({"star": disc, "halo": ~disc}).to_healsparse()
        >>> map_.check_bits_pos([40, 80], [10, 10], [0]).tolist()
        [True, False]
        >>> map_.metadata
        {'COORDSYS': 'C', 'BIT0': 'star', 'BIT1': 'halo'}
        """
        from hpmask.interop import healsparse

        return healsparse.layers_to_healsparse(self._masks, order=order, nside_coverage=nside_coverage)

    def to_wcs(
        self,
        wcs: Any,
        shape: tuple[int, int] | None = None,
        *,
        mode: Literal["center", "overlap", "inside"] = "center",
        hdu: int | str | None = None,
        n_threads: int | None = None,
    ) -> NDArray[np.unsignedinteger[Any]]:
        """Return the flags of the pixels of an image, such as the mask image of a coadd.

        Bit k of a pixel is 1 where the layer number k has the pixel, as in `flags`.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, image HDU, path, NDData, gammapy geometry or pair (wcs, shape)
            The image, as for `Mask.to_wcs`.
        shape : (int, int), optional
            Number of pixels (ny, nx), by default the shape of the WCS.
        mode : {"center", "overlap", "inside"}, optional
            Which pixels a layer has: those whose centres are in it, those of which any part is in it, or those that
            are in it as a whole, as for `Mask.to_wcs`.
        hdu : int or str, optional
            Number or name of the HDU with the image; needed if the file has several images of the sky.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.

        Returns
        -------
        numpy.ndarray of unsigned int, shape (ny, nx)
            The flags, of the type `dtype`. If `wcs` has energy bins, there is a plane for each of them. For more than
            64 layers there is one more axis, of 64-bit words.

        Raises
        ------
        TypeError
            If `wcs` is not a WCS, or `hdu` is given without a file.
        ValueError
            If a layer has energy bins, `mode` is not one of these, no shape is known, or the WCS is not one of the sky.
        MaskFormatError
            If a file is damaged, has no image of the sky, or has several and `hdu` is not given.

        See Also
        --------
        flags : The flags of positions.
        Mask.to_wcs : One mask, also as fractions of pixels.
        Mask.write_wcs : One mask as a FITS image.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask, MaskSet
        >>> from hpmask.wcs import field_wcs
        >>> center = SkyCoord(150, 2, unit="deg")
        >>> star = Mask.from_cones(center, "70 arcsec", order=14)
        >>> halo = Mask.from_cones(center, "130 arcsec", order=14)
        >>> MaskSet({"star": star, "halo": halo}).to_wcs(field_wcs(center, "5 arcmin", binsz="1 arcmin"))
        array([[0, 0, 2, 0, 0],
               [0, 2, 3, 2, 0],
               [2, 3, 3, 3, 2],
               [0, 2, 3, 2, 2],
               [0, 0, 2, 0, 0]], dtype=uint8)
        """
        return to_image.flags_to_wcs(self._masks, wcs, shape, mode=mode, hdu=hdu, n_threads=n_threads)

    # ------------------------------------------------------------------ copies and text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), list(self._masks.items()))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        layers = f"{counted(len(self), 'layer')}: {', '.join(self._masks)}"
        return f"<{type(self).__name__} {self.frame} order={self.order} | {layers}>"

    def _repr_html_(self) -> str:
        from hpmask.plotting import notebooks

        return notebooks.set_html(self._masks, repr(self).removeprefix("<").removesuffix(">").partition(":")[0])

    def _some(self, names: Iterable[str]) -> list[Mask]:
        """The masks of some layers, by default of all."""
        return [self._layer(name) for name in names or self._masks]

    def _flags(self, positions: Positions, energy: Any, invalid: str, n_threads: int | None) -> Any:
        if self._index is None:
            self._index = flags.index_of_layers(self._masks)
        return flags.flags(self._index, self._masks, positions, energy, invalid=invalid, n_threads=n_threads)

    def _layer(self, name: object) -> Mask:
        if not isinstance(name, str):
            raise TypeError(f"the index of a MaskSet must be the name of a layer or a list of names, got {shown(name)}")
        try:
            return self._masks[name]
        except KeyError:
            raise KeyError(f"no layer {name!r}, the layers are {', '.join(map(repr, self._masks))}") from None


@rebuilder("MaskSet")
def _rebuild(cls: type[MaskSet], masks: Any) -> MaskSet:
    if not (isinstance(cls, type) and issubclass(cls, MaskSet)):
        raise TypeError(f"its class is {cls!r}")
    return cls(masks)
