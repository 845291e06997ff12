"""Recipes: TOML files that describe how a mask is made.

A recipe gives the cells of the mask and lists what is excluded and what is kept::

    order = 10                    # cells of 3.4 arcmin
    frame = "icrs"

    [[exclude]]
    catalog = "gll_psc.fits.gz"
    radius = "0.5 deg"

    [[exclude]]
    zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }

    [[keep]]
    mask = "survey.fits"

The mask keeps the sky that lies in every ``[[keep]]`` and in no ``[[exclude]]``. The order of the entries does not
matter. Each entry is the union of what it names, in all energy bins or in some of them. Paths are relative to the
recipe, and lead to files in its folder or below it. Others must be allowed: see `read_recipe`.

Keys of the recipe:

``order``
    Order of the cells, 0 to 29.
``resolution``
    The largest size of the cells, an angle such as "1 arcmin", instead of ``order``. Without both keys the order is
    chosen: see `Recipe.resolve`.
``frame``
    Frame of the cells, "icrs" (default) or "galactic".
``mode``
    Which cells belong to a shape, unless an entry has its own mode: "center" (default), "overlap" or "inside".
``title``
    Title of the pictures and of the summary.
``energy``
    Energy bins: ``{ edges = ["10 GeV", "100 GeV", "1 TeV"] }``, or bins of equal logarithmic width,
    ``{ min = "10 GeV", max = "1 TeV", bins = 4 }``. Optional: ``name`` and ``interp``, as in `hpmask.EnergyAxis`.

Keys of an ``[[exclude]]`` or a ``[[keep]]``: exactly one of

``catalog``
    A table (FITS, ECSV, CSV, VOTable, parquet), with the key ``radius`` for discs, or with ``semi_major``,
    ``semi_minor`` and ``position_angle`` (from north through east) for ellipses. Each is an angle, a column, or
    ``{ column = "R68", times = 1.5, plus = "0.2 deg", at_least = "0.5 deg", missing = "0.3 deg" }``, where ``missing``
    is the angle of rows without a value; a list gives a radius for each energy bin. Optional: ``hdu`` (name or number),
    ``lon``, ``lat`` (columns), ``frame`` (of the positions), ``where`` (conditions such as "Signif_Avg >= 5", all of
    which must hold), ``invalid`` ("raise" or "skip").
``regions``
    A region file, or a list of them: ds9, CRTF, FITS regions, STC-S, GeoJSON, mangle or a table of polygons. Optional:
    ``invalid`` ("raise" or "skip"), for regions that cannot be part of a mask and lines that cannot be read; ``wcs`` (a
    FITS image that regions in pixels belong to), ``line_width``, ``point_radius``, ``format``, ``region_frame``,
    ``min_weight`` and ``columns`` as in `hpmask.Mask.from_regions`.
``ds9``
    Regions in the recipe itself, in the language of ds9. Optional: ``invalid``, ``wcs``, ``line_width``,
    ``point_radius``.
``zone``
    ``{ lon = [west, east], lat = [low, high], frame = "galactic" }``, with ``lon``, ``lat`` or both, and
    optionally ``closed`` as in `hpmask.Mask.from_zone`.
``mask``
    A mask file that `hpmask.Mask.read` can read, or a list of them. Optional, for HEALPix maps of 0 and 1:
    ``column``, ``hdu``, ``nest``, ``frame``.
``image``
    A FITS image of 0 and 1; the pixels with 1 belong to the entry. Optional: ``hdu``, ``invert``, ``nan`` ("raise",
    "skip" or "select": whether pixels without a value belong to the entry), ``outside`` (whether the sky outside
    does), and the thresholds of ``map``.
``map``
    A HEALPix map or a FITS image of values. Those that fulfil a condition belong to the entry: ``threshold``, or
    ``low`` and ``high`` for hysteresis, with ``select`` (">", ">=", "<", "<=", "between" or "outside"), ``closed`` and
    ``connectivity``. Optional: the keys of ``image``, and for HEALPix maps ``column``, ``nest``, ``frame``.
``skymap``
    A HEALPix map of probability, whose credible region belongs to the entry. Optional: ``credible`` (0.9 by default),
    ``crossing``, ``normalize`` and ``density`` as in `hpmask.Mask.from_skymap`, ``column``, ``hdu``, ``nest``,
    ``frame``.

and optionally

``name``
    The name of the entry in the summary.
``mode``
    Which cells belong to the entry.
``dilate``, ``erode``
    An angle by which the sky of the entry is dilated or eroded before it is combined with that of the others; a list
    gives an angle for each energy bin.
``energy_min``, ``energy_max``
    Edges of the bins of the recipe: the entry holds in the bins between them and has no effect in the others.

A ``[[cutout]]`` asks for an image of a part of the mask; see `Cutout`.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask._files.digest import short_digest
from hpmask._utils.arguments import check_invalid
from hpmask._utils.modes import MODES, Mode
from hpmask.core.algebra import intersection_all, union_all
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import with_history
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.recipe.protocols import Grid, Invalid, Loaded, Source, check_per_bin
from hpmask.recipe.sections import RecipeError, Section, load
from hpmask.recipe.sources import Catalog, read_source
from hpmask.regions.order import MOST_ORDER, given_order
from hpmask.wcs import field

__all__ = ["Cutout", "Entry", "Part", "Recipe", "RecipeError", "read_recipe"]

_MOST_BINS = 10_000
# Advice to give an argument, which TOML writes in small letters.
_FLAG = re.compile(r"\b(\w+)=(True|False)\b")


@dataclass(frozen=True, slots=True)
class Entry:
    """An ``[[exclude]]`` or a ``[[keep]]`` of a recipe. `read_recipe` makes the entries.

    Attributes
    ----------
    section : Section
        The table of the TOML file, which gives errors their line.
    verb : {"exclude", "keep"}
        What happens to the sky of the entry.
    name : str
        The name in the summary: the key ``name``, or else the file or the zone.
    source : Source
        The catalog, regions, zone, masks or map.
    mode : {"center", "overlap", "inside"}
        Which cells belong to a shape.
    bins : tuple of bool or None
        Whether the entry holds in each energy bin; None for all bins.
    dilate, erode : `~astropy.units.Quantity` or None
        The angle by which the sky of the source is dilated or eroded; of shape (n_bins,) for one in each energy bin.
    loaded : Loaded or None
        The content of the files of the source, if `Recipe.resolve` has read them.
    """

    section: Section
    verb: str
    name: str
    source: Source
    mode: Mode
    bins: tuple[bool, ...] | None
    dilate: u.Quantity | None = None
    erode: u.Quantity | None = None
    loaded: Loaded | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The sky of an entry, as `Recipe.part` returns it.

    Attributes
    ----------
    entry : Entry
        The entry.
    mask : Mask
        The union of what the entry names, dilated or eroded if the entry asks for it.
    counts : dict of str to int
        For a catalog, the numbers of "sources" that were used, of rows that were "skipped", and of sources with a size
        for rows where it is "missing"; empty for other entries.
    """

    entry: Entry
    mask: Mask
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A ``[[cutout]]`` of a recipe: an image of a part of the mask. `read_recipe` makes the cutouts.

    Attributes
    ----------
    section : Section
        The table of the TOML file, which gives errors their line.
    file, plot : str or None
        Names of the FITS image and of the picture, which are written in the folder of the mask or below it. At least
        one is given.
    title : str or None
        Title of the picture.
    center : `~astropy.coordinates.SkyCoord`, scalar
        Position in the middle of the image.
    width, height : `~astropy.units.Quantity` or None
        Size of the image, as angles. A height of None is the width.
    binsz : `~astropy.units.Quantity`
        Size of a pixel, as an angle.
    projection : str
        Projection, such as "TAN".
    frame : {"icrs", "galactic"}
        Frame of the image.
    """

    section: Section
    file: str | None
    plot: str | None
    title: str | None
    center: SkyCoord
    width: u.Quantity
    height: u.Quantity | None
    binsz: u.Quantity
    projection: str
    frame: str

    @classmethod
    def _read(cls, section: Section, frame: str) -> Cutout:
        frame = section.choice("frame", frames.FRAMES, default=frame)
        text = section.require("center", str)
        try:
            center = parse_position(text, frame)
        except ValueError as error:
            raise section.error(str(error), "center") from None
        section.require("width", str, float)
        width = section.angle("width")
        cutout = cls(
            section=section,
            file=_name_of_output(section, "file"),
            plot=_name_of_output(section, "plot"),
            title=section.get("title", str),
            center=center,
            width=width,
            height=section.angle("height"),
            binsz=section.angle("binsz", default=0.05 * u.deg),
            projection=section.choice("projection", field.PROJECTIONS, default="TAN"),
            frame=frame,
        )
        section.close()
        if cutout.file is None and cutout.plot is None:
            raise section.error("a cutout needs a 'file', a 'plot' or both")
        try:
            cutout.wcs()
        except ValueError as error:
            raise section.error(str(error)) from None
        return cutout

    def wcs(self) -> tuple[WCS, tuple[int, int]]:
        """Return the WCS and the shape of the image.

        Returns
        -------
        wcs : `~astropy.wcs.WCS`
            The WCS.
        shape : (int, int)
            Number of pixels (ny, nx).

        Raises
        ------
        ValueError
            If the projection cannot show a field of this size.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask.recipe import read_recipe
        >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
        >>> _ = path.write_text('''
        ... order = 8
        ... [[exclude]]
        ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
        ... [[cutout]]
        ... file = "crab.fits"
        ... center = "83.63 22.01"
        ... width = "4 deg"
        ... ''')
        >>> wcs, shape = read_recipe(path).cutouts[0].wcs()
        >>> shape
        (80, 80)
        """
        return field.field_wcs(
            self.center,
            self.width,
            height=self.height,
            binsz=self.binsz,
            projection=self.projection,
            frame=self.frame,
        )


def _name_of_output(section: Section, key: str) -> str | None:
    """The name of a file that is to be written in the folder of the mask."""
    name: str | None = section.get(key, str)
    if name is None:
        return None
    inside = os.path.normpath(name)
    if not name or not name.isprintable() or os.path.isabs(name) or inside.split(os.sep)[0] in (os.curdir, os.pardir):
        raise section.error(
            f"{key} must be the name of a file in the folder of the mask, such as 'crab.fits' or 'cutouts/crab.fits', "
            f"got {reprlib.repr(name)}",
            key,
        )
    return name


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a mask is made, as `read_recipe` returns it.

    Attributes
    ----------
    path : `~pathlib.Path`
        The file.
    text : str
        The content of the file.
    title : str or None
        Title of the pictures and of the summary.
    order : int or None
        Order of the cells; None if it is not known before `resolve` chooses it.
    order_text : str
        The order and where it comes from, for the history: "order=10", "order=12 from resolution 1 arcmin" or
        "order=9 chosen".
    grid : Grid
        Frame and energy bins of the mask.
    entries : tuple of Entry
        The entries, first each ``[[keep]]``, then each ``[[exclude]]``.
    cutouts : tuple of Cutout
        The images that the recipe asks for.
    """

    path: Path
    text: str
    title: str | None
    order: int | None
    order_text: str
    grid: Grid
    entries: tuple[Entry, ...]
    cutouts: tuple[Cutout, ...]

    def build(
        self, *, n_threads: int | None = None, begin: Callable[[Entry], object] | None = None, workers: Any = None
    ) -> Mask:
        """Build the mask.

        Parameters
        ----------
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        begin : callable, optional
            A function that is called with each entry before it is built, such as one that shows the progress.
        workers : int or `distributed.Client`, optional
            A number of processes, or the client of a Dask cluster, that build the catalogs of the recipe, as in
            `hpmask.scale.from_catalog`. The mask is the same. It needs Dask, and is for catalogs that do not fit in
            memory: the recipe should give its order then, because catalogs are read as a whole to choose one.

        Returns
        -------
        Mask
            The mask. Its history is ``recipe('name.toml', order=10, sha256 ...)``, with the text of the recipe below
            it.

        Raises
        ------
        RecipeError
            If an entry cannot be built, or if no order can be chosen. The message begins with the file and the line.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask.recipe import read_recipe
        >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
        >>> _ = path.write_text('''
        ... order = 8
        ... [[exclude]]
        ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
        ... ''')
        >>> read_recipe(path).build()
        <Mask icrs order=8 | 1674 ranges, 26.8 kB | 0.9651 of the sky>
        """
        plan = self.resolve()
        parts = []
        for entry in plan.entries:
            if begin is not None:
                begin(entry)
            parts.append(plan.part(entry, n_threads=n_threads, workers=workers))
        return plan.combine(parts)

    def resolve(self) -> Recipe:
        """Choose the order of the cells, if the recipe gives neither an order nor a resolution.

        It is the finest of the orders that the entries need. The order of an entry with shapes is the coarsest one at
        which the area of each shape is right to 1 %, at most 16, as in `hpmask.Mask.from_cones`. The order of an entry
        with mask files or HEALPix maps is the finest of their orders, and that of an image is the one of
        `hpmask.Mask.from_wcs`. These may be above 16 if no entry has shapes. Points, discs of radius 0 and zones of the
        whole sky need no order.

        All files of the entries are read for this. The recipe that is returned keeps their content in memory, so that
        they are not read a second time. Only of images does it read the headers, and their pixels later.

        Returns
        -------
        Recipe
            The recipe with its order. It is the same object if it already had one.

        Raises
        ------
        RecipeError
            If a file cannot be read, if the shapes of an entry need an order that is too fine to be chosen, or if no
            entry needs an order. The message begins with the file and the line.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask.recipe import read_recipe
        >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
        >>> _ = path.write_text('''
        ... [[exclude]]
        ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
        ... ''')
        >>> read_recipe(path).resolve().order
        11
        """
        if self.order is not None:
            return self
        entries: list[Entry] = []
        orders: list[tuple[int, Entry]] = []
        for entry in self.entries:
            with _errors_of(entry):
                loaded = entry.source.load(self.grid)
                needed = loaded.order(self.grid)
            entries.append(replace(entry, loaded=loaded))
            if needed is not None:
                orders.append((needed, entry))
        if not orders:
            raise RecipeError(
                f"{self.path}:1: no entry has shapes or masks from which the order could be chosen: give order = 10 "
                "(cells of 3.4 arcmin) or resolution = '1 arcmin', above the first [[...]]"
            )
        order, finest = max(orders, key=lambda one: one[0])
        # Such an order comes from a mask or an image. Shapes of other entries could have far too many ranges at it.
        if order > MOST_ORDER and any(entry.source.has_shapes for _, entry in orders):
            raise finest.section.error(
                f"[[{finest.verb}]] {finest.name}: its order is {order}, but by default the order of shapes is at most "
                f"{MOST_ORDER}: give order = {order}, or a coarser one, above the first [[...]]"
            )
        return replace(self, order=order, order_text=f"order={order} chosen", entries=tuple(entries))

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of the recipe and all files that its entries read."""
        return (self.path, *(path for entry in self.entries for path in entry.source.files))

    def part(self, entry: Entry, *, n_threads: int | None = None, workers: Any = None) -> Part:
        """Build the sky of one entry.

        Parameters
        ----------
        entry : Entry
            One of `entries`.
        n_threads : int, optional
            Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
        workers : int or `distributed.Client`, optional
            Who builds the entry, if it is a catalog, as in `build`.

        Returns
        -------
        Part
            The sky, and for a catalog the number of its sources.

        Raises
        ------
        RecipeError
            If the entry cannot be built. The message begins with the file and the line of the entry.
        ValueError
            If the recipe has no order yet; see `resolve`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask.recipe import read_recipe
        >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
        >>> _ = path.write_text('''
        ... order = 8
        ... [[exclude]]
        ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
        ... ''')
        >>> recipe = read_recipe(path)
        >>> print(f"{recipe.part(recipe.entries[0]).mask.area:.0f}")
        1439 deg2
        """
        order = self._known_order()
        with _errors_of(entry):
            if workers is not None and entry.loaded is None and isinstance(entry.source, Catalog):
                mask, counts = entry.source.on_workers(self.grid, order, entry.mode, workers)
            else:
                loaded = entry.source.load(self.grid) if entry.loaded is None else entry.loaded
                mask, counts = loaded.build(self.grid, order, entry.mode, n_threads)
            mask = _moved(mask, entry, self.grid, n_threads)
        return Part(entry, mask, counts)

    def _known_order(self) -> int:
        if self.order is None:
            raise ValueError("the recipe gives no order: call resolve(), which returns a recipe with an order")
        return self.order

    def combine(self, parts: Sequence[Part]) -> Mask:
        """Combine the parts of all entries into the mask.

        Parameters
        ----------
        parts : sequence of Part
            The parts, in any order.

        Returns
        -------
        Mask
            The sky that is in every part that is kept, and in no part that is excluded.

        Raises
        ------
        ValueError
            If the recipe has no order yet (see `resolve`), or if the frame or energy bins of a part are not its own.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from hpmask.recipe import read_recipe
        >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
        >>> _ = path.write_text('''
        ... order = 8
        ... [[exclude]]
        ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
        ... ''')
        >>> recipe = read_recipe(path)
        >>> recipe.combine([recipe.part(entry) for entry in recipe.entries]) == recipe.build()
        True
        """
        grid = self.grid
        whole = Mask.full(order=self._known_order(), frame=grid.frame, energy=grid.energy)
        kept = [whole, *(_confined(part, grid, False) for part in parts if part.entry.verb == "keep")]
        excluded = [_confined(part, grid, True) for part in parts if part.entry.verb == "exclude"]
        mask = intersection_all(kept)
        if excluded:
            mask = mask - union_all(excluded)
        how = ", invalid='skip'" if grid.invalid == "skip" else ""
        digest = short_digest(self.text.encode())
        return with_history(mask, f"recipe({self.path.name!r}, {self.order_text}{how}, sha256 {digest})\n{self.text}")


@contextmanager
def _errors_of(entry: Entry) -> Iterator[None]:
    """Begin the messages of errors with the line and the name of an entry."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        message = _FLAG.sub(lambda found: f"{found[1]} = {found[2].lower()}", str(error))
        raise entry.section.error(f"[[{entry.verb}]] {entry.name}: {message}") from error


def _confined(part: Part, grid: Grid, empty: bool) -> Mask:
    """The sky of a part in its own energy bins, and in the others the sky that changes nothing."""
    bins, mask = part.entry.bins, part.mask
    if bins is None:
        return mask
    neutral = RangeSet.empty(mask.order) if empty else RangeSet.full(mask.order)
    planes = tuple(plane if held else neutral for plane, held in zip(_in_bins(mask, grid).planes, bins, strict=True))
    return Mask(planes, order=mask.order, frame=grid.frame, energy=grid.energy, history=mask.history)


def _moved(mask: Mask, entry: Entry, grid: Grid, n_threads: int | None) -> Mask:
    """The sky of an entry with its edge moved outwards or inwards."""
    for width, change in ((entry.dilate, Mask.dilate), (entry.erode, Mask.erode)):
        if width is not None:
            mask = change(_in_bins(mask, grid) if width.ndim else mask, width, n_threads=n_threads)
    return mask


def _in_bins(mask: Mask, grid: Grid) -> Mask:
    """The mask with the energy bins of a recipe that has some."""
    if mask.energy is not None:
        return mask
    assert grid.energy is not None
    planes = mask.planes * grid.energy.n_bins
    return Mask(planes, order=mask.order, frame=mask.frame, energy=grid.energy, history=mask.history)


def read_recipe(
    path: str | Path,
    *,
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    invalid: Invalid = "raise",
    folders: Iterable[str | os.PathLike[str]] = (),
) -> Recipe:
    """Read and check a recipe, without building anything yet.

    Parameters
    ----------
    path : str or path
        A TOML file of up to 1 MiB; `hpmask.recipe` describes its keys.
    order : int, optional
        Order of the cells, 0 to 29, instead of the one in the recipe.
    resolution : `~astropy.units.Quantity` or str, optional
        The largest size of the cells, an angle, instead of an order.
    invalid : {"raise", "skip"}, optional
        What happens to rows of catalogs and to regions that cannot be used, in entries without a key ``invalid``: they
        raise an error, or are left out with a warning.
    folders : iterable of str or path, optional
        Folders that the recipe may read from besides its own and those below it, such as ``["/data/catalogs"]``; with
        ``["/"]`` it may read every file. Allow only what you would give to the author of the recipe: the mask and the
        messages show what is in the files.

    Returns
    -------
    Recipe
        The recipe; `Recipe.build` makes the mask.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    RecipeError
        If a key is unknown, a value is wrong, or a file that the recipe names does not exist or is in no folder that it
        may read from. The message begins with the file and the line.
    TypeError, ValueError
        If `order` and `resolution` are both given, or if an argument is not valid.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hpmask.recipe import read_recipe
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "plane.toml"
    ...     _ = path.write_text('''
    ... order = 8
    ... [[exclude]]
    ... zone = { lat = ["-2 deg", "2 deg"], frame = "galactic" }
    ... ''')
    ...     mask = read_recipe(path).build()
    >>> print(f"{mask.sky_fraction:.4f}")
    0.9651
    """
    check_invalid(invalid)
    top, text = load(path, folders)
    own = _order(top)
    known, order_text = own if order is None and resolution is None else given_order(order, resolution)
    frame = top.choice("frame", frames.FRAMES, default="icrs")
    mode = top.choice("mode", MODES, default="center")
    title = top.get("title", str)
    grid = Grid(frame, _energy(top.table("energy")), invalid)
    entries = [_entry(section, verb, grid, mode) for verb in ("keep", "exclude") for section in top.tables(verb)]
    cutouts = [Cutout._read(section, frame) for section in top.tables("cutout")]
    top.close()
    if not entries:
        raise top.error("a recipe needs at least one [[exclude]] or [[keep]]")
    return Recipe(Path(path), text, title, known, order_text, grid, tuple(entries), tuple(cutouts))


def _order(top: Section) -> tuple[int | None, str]:
    """The order that a recipe gives, and its text; None if the order is to be chosen."""
    order, resolution = top.get("order", int), top.get("resolution", str, float)
    if order is not None and resolution is not None:
        raise top.error("order and resolution exclude each other: give one of them", "resolution")
    key = "order" if resolution is None else "resolution"
    if resolution is not None:
        top.as_angle(resolution, key)
    try:
        return given_order(order, resolution)
    except ValueError as error:
        raise top.error(str(error), key) from None


def _entry(section: Section, verb: str, grid: Grid, mode: str) -> Entry:
    for key in ("order", "resolution"):
        section.refuse(key, "all entries share one, above the first [[...]]")
    name = section.get("name", str)
    mode = section.choice("mode", MODES, default=mode)
    bins = _bins(section, grid.energy)
    dilate, erode = _width(section, "dilate", grid), _width(section, "erode", grid)
    if dilate is not None and erode is not None:
        raise section.error("dilate and erode exclude each other: give one of them", "erode")
    source = read_source(section, grid)
    section.close()
    return Entry(section, verb, name or source.title, source, cast(Mode, mode), bins, dilate, erode)


def _width(section: Section, key: str, grid: Grid) -> u.Quantity | None:
    """An angle, or a list with one for each energy bin, as an angle of shape (n_bins,)."""
    value = section.get(key, str, float, list)
    if value is None:
        return None
    if isinstance(value, list):
        check_per_bin(section, key, value, grid)
    widths = [section.as_angle(one, key) for one in (value if isinstance(value, list) else [value])]
    for width in widths:
        if not 0 <= width.to_value(u.deg) <= 180:
            raise section.error(f"{key} must be between 0 and 180 deg, got {width}", key)
    return u.Quantity(widths) if isinstance(value, list) else widths[0]


def _energy(section: Section | None) -> EnergyAxis | None:
    if section is None:
        return None
    edges = section.get("edges", list)
    low, high, bins = section.energy("min"), section.energy("max"), section.get("bins", int)
    interp = section.choice("interp", ("log", "lin"), default="log")
    name = section.get("name", str, default="energy")
    section.close()
    if edges is not None:
        if not (low is None and high is None and bins is None):
            raise section.error("energy needs either 'edges', or 'min', 'max' and 'bins', but has both")
        if len(edges) > _MOST_BINS + 1:
            raise section.error(f"there must be at most {_MOST_BINS + 1} edges, got {len(edges)}", "edges")
        values = [section.as_energy(edge, "edges") for edge in edges]
    elif low is None or high is None or bins is None:
        raise section.error("energy needs 'edges', or 'min', 'max' and 'bins'")
    elif not (bins >= 1 and low.value > 0 and low < high):
        raise section.error("energy needs 0 < min < max and bins >= 1")
    elif bins > _MOST_BINS:
        raise section.error(f"bins must be at most {_MOST_BINS}, got {bins}", "bins")
    else:
        values = list(np.geomspace(low.value, high.to_value(low.unit), bins + 1) * low.unit)
    try:
        # In the unit of the first edge.
        return EnergyAxis(u.Quantity(values), name=name, interp=interp)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise section.error(str(error)) from None


def _bins(section: Section, energy: EnergyAxis | None) -> tuple[bool, ...] | None:
    """Whether an entry holds in each bin: those between energy_min and energy_max; None for all bins."""
    limits = {key: section.energy(key) for key in ("energy_min", "energy_max")}
    if all(limit is None for limit in limits.values()):
        return None
    numbers: list[int | None] = []
    for key, limit in limits.items():
        if limit is None:
            numbers.append(None)
            continue
        if energy is None:
            raise section.error(f"{key} needs 'energy' in the recipe", key)
        edges = energy.ascending().edges.value
        near = np.flatnonzero(np.isclose(edges, limit.to_value(energy.unit), rtol=1e-6, atol=0))
        if not near.size:
            known = ", ".join(f"{edge:.6g}" for edge in edges)
            raise section.error(f"{key} must be one of the edges {known} {energy.unit}, got {limit}", key)
        numbers.append(int(near[0]))
    assert energy is not None
    first = 0 if numbers[0] is None else numbers[0]
    last = energy.n_bins if numbers[1] is None else numbers[1]
    if first >= last:
        raise section.error("energy_min must be below energy_max", "energy_min")
    numbers_of_bins = energy.ascending().bin_of(energy.energy_min)
    return tuple(bool(first <= i < last) for i in numbers_of_bins)
