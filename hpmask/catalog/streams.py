"""Files of tables, larger than memory: the rows that masks keep, and flags, piece by piece."""

from __future__ import annotations

import errno
import glob
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from hpmask._files.atomic import check_target, replacing, replacing_folder
from hpmask._files.faults import content_faults, is_of_the_machine
from hpmask._files.fits_rows import FitsRows, opened_tables
from hpmask._files.hats_folder import HatsFolder, Partition, is_hats, need_pyarrow
from hpmask._files.hats_writer import writing_hats
from hpmask._files.new_file import new_file
from hpmask._files.parquet_rows import (
    RowWriter,
    as_table,
    bounds,
    header_of,
    is_one_piece,
    opened,
    pieces,
    with_fields,
    writer_options,
)
from hpmask._files.tables import FITS, PARQUET, check_distinct
from hpmask._utils.arguments import as_flag, check_invalid
from hpmask._utils.parallel import thread_count, thread_map
from hpmask._utils.progress import watched
from hpmask._utils.words import shown
from hpmask.catalog.answers import check_column
from hpmask.catalog.asked import Asked, NewColumn
from hpmask.catalog.columns import NoPositionError, Position
from hpmask.catalog.flag_columns import BITS, description_of
from hpmask.catalog.partitions import near
from hpmask.catalog.positions import Locator, locator_of
from hpmask.core.flags import index_of_layers
from hpmask.core.named import layers_of
from hpmask.core.rangeset import RangeSet
from hpmask.core.value import MaskValue, check_mask
from hpmask.energy.units import as_energy

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowCounts", "filter_file", "flag_file"]

# Row groups that are read before the first of them is written, for each thread.
_AHEAD = 2

# What `HatsWriter` finds out itself, and does not take from the catalog that is read.
_OWN_PROPERTIES = re.compile(
    r"obs_collection|dataproduct_type|moc_sky_fraction|hats_(nrows|col_ra|col_dec|npix_suffix|skymap_.*|order|max_rows|"
    r"builder|creation_date|estsize|version|assn_.*|primary_table_url)"
)


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows files have, and how many of them are kept.

    Attributes
    ----------
    n_rows : int
        Rows that were read, or ruled out unread.
    n_kept : int
        Rows that the mask keeps, or all layers of a set.

    Examples
    --------
    >>> from hpmask.catalog import RowCounts
    >>> RowCounts(n_rows=10, n_kept=4)
    RowCounts(n_rows=10, n_kept=4)
    """

    n_rows: int
    n_kept: int


def filter_file(
    mask: MaskValue,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    energy: u.Quantity | str | None = None,
    energy_unit: u.UnitBase | str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    n_threads: int | None = None,
    progress: bool = False,
) -> RowCounts:
    """Write the rows of files that a mask keeps to other files, with memory for some pieces of them only.

    The files are read and written piece by piece: parquet files by their row groups, HATS catalogs by their partitions,
    FITS tables by their rows. The new files have the columns, the metadata and the compression of the old ones. Parts
    of parquet files and HATS catalogs in which no row can be kept are not read: these are partitions outside the mask,
    and row groups whose statistics of the positions or the cells say so.

    What is written takes its place when it is complete, so that a process that is killed leaves nothing that looks like
    a result.

    Parameters
    ----------
    mask : Mask
        The mask.
    source : str, path or sequence of them
        A parquet file, a folder of parquet files (also of several levels), a pattern such as ``"stars/*.parquet"`` or a
        list of files; a HATS catalog or collection (a folder, or a URL for fsspec); or a FITS file, of which the first
        table with positions is used.
    out : str or path
        The new file. For a folder, a pattern or a list it is a folder, in which the files keep their names. It is not
        inside the folder that is read. For a HATS catalog, it is a HATS catalog.
    lon, lat : str, optional
        The columns of longitude and latitude, if their names are not known ones.
    catalog_frame : str, optional
        The frame of the positions, such as "icrs", "galactic" or "fk4", if the file does not say it.
    energy : `~astropy.units.Quantity` or str, optional
        An energy for all rows, or the name of the column of energies. A mask with energy needs it.
    energy_unit : `~astropy.units.Unit` or str, optional
        The unit of a column of energies, if the file does not say it.
    invalid : {"raise", "skip"}, optional
        What to do with rows whose position or energy is missing or not finite: raise an error that names the first one,
        or leave them out. Rows in parts that are not read are not looked at.
    overwrite : bool, optional
        Replace an existing file or folder. A folder is replaced if it has nothing but parquet files, or is a HATS
        catalog.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    RowCounts
        The number of rows, and of those that are kept.

    Raises
    ------
    FileExistsError
        If `out` exists and `overwrite` is False.
    FileNotFoundError
        If there is no such file.
    ImportError
        If pyarrow is not installed, which reads parquet files.
    TypeError, ValueError
        If a file cannot be read, has no columns of positions, a row has no position, or the mask has energy bins and
        `energy` is not given.

    See Also
    --------
    flag_file : all rows, with the answers as new columns.
    hpmask.Mask.select : the same for tables in memory.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from hpmask import Mask
    >>> from hpmask.catalog import filter_file
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=4)
    >>> stars = pd.DataFrame({"ra": [10.0, 20.0, 30.0], "dec": [45.0, -45.0, 5.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stars.to_parquet(f"{folder}/stars.parquet")
    ...     filter_file(north, f"{folder}/stars.parquet", f"{folder}/north.parquet")
    RowCounts(n_rows=3, n_kept=2)
    """
    check_mask(mask, "mask")
    question = _Question({"": mask}, None, False, lon, lat, catalog_frame, energy, energy_unit, invalid)
    return _run(question, source, out, overwrite=overwrite, n_threads=n_threads, progress=progress)


def flag_file(
    masks: MaskValue | Mapping[str, MaskValue],
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    column: str | None = None,
    *,
    per_layer: bool = False,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    energy: u.Quantity | str | None = None,
    energy_unit: u.UnitBase | str | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    n_threads: int | None = None,
    progress: bool = False,
) -> RowCounts:
    """Write files with all their rows and new columns: what masks say of each row.

    The files are read and written piece by piece, as in `filter_file`.

    Parameters
    ----------
    masks : Mask, MaskSet or mapping of str to Mask
        One mask, for a column of booleans (True = kept); or masks with names, for a column of flags in which layer
        number k is bit k, as in `hpmask.MaskSet.flags`. The names of the bits are written to parquet files as the
        metadata ``hpmask.bits`` of the column, and to FITS files as the comment of the column (``TCOMMn``).
    source : str, path or sequence of them
        The files, as in `filter_file`.
    out : str or path
        The new file or folder.
    column : str, optional
        The name of the new column, by default "kept" for a mask and "flags" for masks with names. For more than 64
        layers there are several columns, ``flags_0`` and so on, as in `hpmask.MaskSet.flag`.
    per_layer : bool, optional
        For masks with names: a column of booleans for each layer, of its name, instead of the column of flags.
    lon, lat : str, optional
        The columns of longitude and latitude, if their names are not known ones.
    catalog_frame : str, optional
        The frame of the positions, such as "icrs", "galactic" or "fk4", if the file does not say it.
    energy : `~astropy.units.Quantity` or str, optional
        An energy for all rows, or the name of the column of energies. A mask with energy needs it.
    energy_unit : `~astropy.units.Unit` or str, optional
        The unit of a column of energies, if the file does not say it.
    invalid : {"raise", "skip"}, optional
        What to do with rows whose position or energy is missing or not finite: raise an error that names the first one,
        or treat them as not kept (flag 0).
    overwrite : bool, optional
        Replace an existing file or folder, as in `filter_file`.
    n_threads : int, optional
        Number of threads, by default that of `hpmask.set_num_threads`. The result does not depend on it.
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    RowCounts
        The number of rows, and of those that the mask keeps, or all layers.

    Raises
    ------
    FileExistsError, FileNotFoundError, ImportError, TypeError, ValueError
        As in `filter_file`; also if there is a column of that name.

    See Also
    --------
    filter_file : the rows that are kept.
    hpmask.Mask.flag : the same for tables in memory.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from hpmask import Mask, MaskSet
    >>> from hpmask.catalog import flag_file
    >>> north = Mask.from_zone(lat=("0 deg", "90 deg"), order=4)
    >>> layers = MaskSet({"north": north, "east": Mask.from_zone(lon=("0 deg", "25 deg"), order=4)})
    >>> stars = pd.DataFrame({"ra": [10.0, 20.0, 30.0], "dec": [45.0, -45.0, 5.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stars.to_parquet(f"{folder}/stars.parquet")
    ...     counts = flag_file(layers, f"{folder}/stars.parquet", f"{folder}/flagged.parquet")
    ...     pd.read_parquet(f"{folder}/flagged.parquet")
         ra   dec  flags
    0  10.0  45.0      3
    1  20.0 -45.0      2
    2  30.0   5.0      1
    """
    per_layer = as_flag(per_layer, "per_layer")
    if isinstance(masks, MaskValue):
        if per_layer:
            raise TypeError("per_layer is for masks with names, got one mask")
        layers: dict[str, MaskValue] = {"": masks}
    else:
        layers = layers_of(masks)
        if per_layer and column is not None:
            raise TypeError("with per_layer, the columns have the names of the layers: leave out column")
    name = check_column(column or ("kept" if "" in layers else "flags")) if not per_layer else None
    question = _Question(layers, name, True, lon, lat, catalog_frame, energy, energy_unit, invalid)
    return _run(question, source, out, overwrite=overwrite, n_threads=n_threads, progress=progress)


# ---------------------------------------------------------------------- questions


class _Question:
    """What is asked of files, before it is known which columns they have."""

    def __init__(
        self,
        layers: Mapping[str, MaskValue],
        column: str | None,
        flags: bool,
        lon: str | None,
        lat: str | None,
        catalog_frame: str | None,
        energy: Any,
        energy_unit: Any,
        invalid: str,
    ) -> None:
        check_invalid(invalid)
        self.flags = flags
        self._layers, self._column, self._invalid = layers, column, invalid
        self._named = lon, lat, catalog_frame
        self._energy, self._energy_unit = energy, energy_unit
        self._frame = next(iter(layers.values())).frame
        self.order = max(mask.order for mask in layers.values())
        self._index = None if "" in layers else index_of_layers(layers)
        self.sky = RangeSet.union_all([plane for mask in layers.values() for plane in mask.planes])
        with_energy = [name for name, mask in layers.items() if mask.energy is not None]
        if with_energy and energy is None:
            what = f"layer {with_energy[0]!r}" if with_energy[0] else "the mask"
            raise ValueError(
                f"{what} has energy bins: give the energies of the rows by energy=, or combine the bins with "
                "reduce('any') or reduce('all')"
            )

    @property
    def frame(self) -> str:
        """The frame of the masks."""
        return self._frame

    def of(self, head: Table, source: str, known: Locator | None = None) -> Asked:
        """The question to the rows of a file with these columns.

        Parameters
        ----------
        head : `~astropy.table.Table`
            The columns, with few rows.
        source : str
            Name of the file in errors.
        known : Locator, optional
            Where the rows are, if the user names no columns.
        """
        lon, lat, catalog_frame = self._named
        if known is None or any(one is not None for one in self._named):
            known = locator_of(head, lon, lat, frame=self._frame, catalog_frame=catalog_frame, source=source)
        column = self._energy if isinstance(self._energy, str) and self._energy in head.colnames else None
        if column is None and isinstance(self._energy, u.Quantity) and self._energy.ndim:
            raise ValueError(
                f"energy must be one energy or the name of a column, got an array of shape {self._energy.shape}"
            )
        if column is None and self._energy is not None:
            # Here, because rows that no mask reaches are not asked.
            as_energy(self._energy, "energy")
        return Asked(
            self._layers,
            self._index,
            self._column,
            known,
            self._energy,
            column,
            self._energy_unit,
            self._invalid,
            self.sky,
        )


# ---------------------------------------------------------------------- sources


def _run(
    question: _Question,
    source: Any,
    out: Any,
    *,
    overwrite: bool,
    n_threads: int | None,
    progress: bool,
) -> RowCounts:
    """Choose the way to read and write the files, and do it."""
    overwrite, progress = as_flag(overwrite, "overwrite"), as_flag(progress, "progress")
    threads = thread_count(n_threads)
    counter = _Counter()
    if is_hats(source):
        return _hats(question, HatsFolder.open(source), Path(out), overwrite, threads, progress, counter)
    files, root = _files_of(source)
    if root is None:
        path = files[0]
        suffix = path.suffix.lower()
        if suffix in FITS:
            return _fits(question, path, Path(out), overwrite, threads, progress, counter)
        if suffix not in PARQUET:
            raise ValueError(
                f"the format of {path.name!r} is not known: give a file whose name ends in "
                f"{', '.join((*PARQUET, *FITS))}, a folder of parquet files or a HATS catalog"
            )
        target = check_target(out, overwrite=overwrite)
        with _progress(counter, _n_groups(path), progress), replacing(target, overwrite=overwrite) as file:
            _parquet(question, path, file, threads, counter, counter.step)
        return counter.counts
    _check_apart(source, files, Path(os.path.realpath(out)))
    with (
        _progress(counter, len(files), progress),
        replacing_folder(out, overwrite=overwrite, obstacle=_obstacle) as folder,
    ):

        def work(path: Path) -> None:
            place = folder / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            with new_file(place) as file:
                _parquet(question, path, file, threads, counter, lambda: None)
            counter.step()

        for _ in thread_map(work, files, threads):
            pass
    return counter.counts


class _Counter:
    """The rows and parts that are done. Threads add to it."""

    def __init__(self) -> None:
        self._counts: list[tuple[int, int]] = []
        self._steps: list[None] = []

    def add(self, n_rows: int, n_kept: int) -> None:
        """Add some rows."""
        # To append is one step for all threads.
        self._counts.append((n_rows, n_kept))

    def step(self) -> None:
        """One more part is done."""
        self._steps.append(None)

    @property
    def done(self) -> int:
        """How many parts are done."""
        return len(self._steps)

    @property
    def counts(self) -> RowCounts:
        """The sums."""
        return RowCounts(sum(one for one, _ in self._counts), sum(one for _, one in self._counts))


def _progress(counter: _Counter, total: int, shown: bool) -> AbstractContextManager[None]:
    return watched(lambda: counter.done, total=total, what="tables", shown=shown)


def _files_of(source: Any) -> tuple[list[Path], Path | None]:
    """The files of a source, and the folder that their names are relative to; None for a single file."""
    if not isinstance(source, str | os.PathLike):
        if not isinstance(source, Sequence) or isinstance(source, bytes) or not source:
            raise TypeError(f"source must be a path, a pattern or a list of paths, got {shown(source)}")
        files = [Path(one) for one in source]
        return _checked(files), _common(files)
    path = Path(source)
    if path.is_file():
        return [path], None
    if path.is_dir():
        files = [one for one in sorted(path.rglob("*")) if one.suffix.lower() in PARQUET and _is_visible(one, path)]
        if not files:
            raise FileNotFoundError(
                errno.ENOENT, "There is no parquet file in the folder, nor is it a HATS catalog", path
            )
        return files, path
    if any(mark in str(source) for mark in "*?["):
        files = [Path(one) for one in sorted(glob.glob(str(source), recursive=True)) if os.path.isfile(one)]
        if files:
            return _checked(files), _common(files)
    raise FileNotFoundError(errno.ENOENT, "There is no such file", str(source))


def _is_visible(path: Path, root: Path) -> bool:
    """Whether a file is data, and not metadata or one that is being written."""
    return not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _checked(files: list[Path]) -> list[Path]:
    for path in files:
        if path.suffix.lower() not in PARQUET:
            raise ValueError(f"several files must be parquet files, got {path.name!r}")
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "There is no such file", str(path))
    return files


def _common(files: list[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in files]))


def _check_apart(source: Any, files: Sequence[Path], target: Path) -> None:
    """Raise if a new folder is inside the folder that is read, or replaces more than that folder.

    A folder may take its own place. A folder inside of it would be read as a part of it the next time.
    """
    root = Path(os.path.realpath(source)) if isinstance(source, str | os.PathLike) else None
    if root is not None and root.is_dir():
        if target == root:
            return
        if root in target.parents:
            raise ValueError(f"out must not be inside the folder that is read, {str(root)!r}: got {str(target)!r}")
    for path in files:
        if target in Path(os.path.realpath(path)).parents:
            raise ValueError(f"out is replaced as a whole, and has files that are read, such as {str(path)!r}")


def _obstacle(folder: Path) -> str | None:
    """A file that would be lost with a folder: one that is not a parquet file."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix.lower() not in PARQUET and not path.name.startswith("_"):
            return f"The folder has {path.name!r}, which is not a parquet file"
    return None


# ---------------------------------------------------------------------- parquet


def _n_groups(path: Path) -> int:
    with _opened(path) as file:
        return int(file.metadata.num_row_groups)


@contextmanager
def _opened(path: Path, metadata: Any = None) -> Iterator[Any]:
    """A parquet file that is open."""
    need_pyarrow()
    with open(path, "rb") as raw:
        yield opened(raw, repr(str(path)), metadata)


def _head(schema: pa.Schema) -> Table:
    """Columns without rows, as a Table of astropy with units and metadata."""
    from pyarrow import types

    plain = [field.name for field in schema if not types.is_nested(field.type)]
    return as_table(schema.empty_table().select(plain), *header_of(schema))


def _new_schema(schema: pa.Schema, new: Sequence[NewColumn], name: str) -> pa.Schema:
    """A schema with new columns at its end."""
    import pyarrow as pa

    for one in new:
        if one.name in schema.names:
            raise ValueError(f"{name} has a column {one.name!r} already: give another column")
    fields = []
    for one in new:
        about = {BITS: json.dumps(one.bits)} if one.bits else None
        fields.append(pa.field(one.name, pa.from_numpy_dtype(one.dtype), metadata=about))
    columns = [
        Column(
            np.empty(0, dtype=one.dtype),
            one.name,
            description=description_of(one.bits) or None,
            meta={BITS: one.bits} if one.bits else None,
        )
        for one in new
    ]
    return with_fields(schema, fields, columns)


def _parquet(
    question: _Question,
    path: Path,
    out: Any,
    threads: int,
    counter: _Counter,
    step: Callable[[], None],
) -> None:
    """Write what is asked of a parquet file to another one."""
    with _opened(path) as file:
        name = repr(path.name)
        check_distinct(file.schema_arrow.names, name)
        with _named(name):
            head = _head(file.schema_arrow)
        asked = question.of(head, name)
        schema = file.schema_arrow if not question.flags else _new_schema(file.schema_arrow, asked.new_columns, name)
        metadata = file.metadata
        n_groups = metadata.num_row_groups
        with content_faults(f"{name} cannot be read as parquet"):
            packing = writer_options(metadata, schema.names)
        rows = max((metadata.row_group(k).num_rows for k in range(n_groups)), default=0)

        def work(group: int) -> Iterable[pa.Table]:
            if not is_one_piece(metadata.row_group(group)):
                # Its pieces are read when they are written.
                return _rows(file, group, asked, schema, question.flags, name, counter)
            # Readers of one file do not share their place in it.
            with _opened(path, metadata) as own:
                return list(_rows(own, group, asked, schema, question.flags, name, counter))

        with RowWriter(out, schema, packing, rows) as writer:
            for start in range(0, n_groups, _AHEAD * threads):
                some = range(start, min(start + _AHEAD * threads, n_groups))
                for tables in thread_map(work, some, threads):
                    for table in tables:
                        writer.add(table)
                    step()


def _rows(
    file: Any, group: int, asked: Asked, schema: pa.Schema, flags: bool, name: str, counter: _Counter
) -> Iterator[pa.Table]:
    """What is asked of a row group: its rows with flags, or those that are kept."""
    import pyarrow as pa

    where = f"{name}, row group {group}"
    n_rows = file.metadata.row_group(group).num_rows
    header = header_of(file.schema_arrow)
    in_degrees = all(u.Unit(header[0].get(one, "deg"), parse_strict="silent") == u.deg for one in asked.locator.names)
    known = {one: bounds(file, group, one) for one in asked.locator.names} if in_degrees and not flags else {}
    certain = asked.certain(known)
    if certain is not None:
        counter.add(n_rows, n_rows if certain else 0)
        with _named(where):
            yield from pieces(file, group) if certain else ()
        return
    needed, names = asked.needed, file.schema_arrow.names
    if not flags and len(needed) < len(names) and is_one_piece(file.metadata.row_group(group)):
        # The other columns are read if a row is kept.
        with _named(where):
            some = next(pieces(file, group, needed))
            kept = asked.answers(as_table(some, *header), 1)
            counter.add(n_rows, asked.n_kept(kept))
            if not kept.any():
                return
            others = next(pieces(file, group, [one for one in names if one not in needed]))
            rows = pa.table([some[one] if one in needed else others[one] for one in names], schema=schema)
        yield rows if kept.all() else rows.filter(kept)
        return
    with _named(where):
        for rows in pieces(file, group):
            answers = asked.answers(as_table(rows.select(needed), *header), 1)
            counter.add(rows.num_rows, asked.n_kept(answers))
            if flags:
                yield _flagged(rows, asked.values(answers), schema)
            elif answers.all():
                yield rows
            elif answers.any():
                yield rows.filter(answers)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Begin the messages of errors with the place in the file."""
    try:
        yield
    except (FileNotFoundError, ImportError):
        raise
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from error
    except Exception as error:  # pyarrow raises nearly anything
        if is_of_the_machine(error):
            raise
        raise ValueError(f"{where}: {error}") from error


def _flagged(rows: pa.Table, values: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Rows with new columns, in the order of a schema."""
    import pyarrow as pa

    return pa.table([pa.array(values[one]) if one in values else rows[one] for one in schema.names], schema=schema)


# ---------------------------------------------------------------------- FITS


def _fits(
    question: _Question, path: Path, out: Path, overwrite: bool, threads: int, progress: bool, counter: _Counter
) -> RowCounts:
    """Write a FITS file with what is asked of its first table of positions."""
    target = check_target(out, overwrite=overwrite)
    name = repr(path.name)
    with opened_tables(path) as tables:
        rows, asked = _with_positions(question, tables, name)
        parts = rows.parts()
        new = asked.new_columns if question.flags else []
        for one in new:
            if one.name in rows.names:
                raise ValueError(f"{name} has a column {one.name!r} already: give another column")
        found = [np.empty(rows.n_rows, dtype=one.dtype) for one in new] or [np.empty(rows.n_rows, dtype=np.bool_)]

        def work(part: slice) -> None:
            with _named(f"{name}, rows from {part.start}"):
                answers = asked.answers(rows.columns(part, asked.needed), 1)
            for column, values in zip(found, asked.values(answers).values(), strict=True):
                column[part] = values
            counter.add(part.stop - part.start, asked.n_kept(answers))
            counter.step()

        with _progress(counter, len(parts), progress), replacing(target, overwrite=overwrite) as file:
            for _ in thread_map(work, parts, threads):
                pass
            if question.flags:
                columns = {one.name: column for one, column in zip(new, found, strict=True)}
                comments = {one.name: description_of(one.bits) for one in new if one.bits}
                rows.write(file, columns=columns, comments=comments)
            else:
                rows.write(file, kept=found[0])
    return counter.counts


def _with_positions(question: _Question, tables: Sequence[FitsRows], name: str) -> tuple[FitsRows, Asked]:
    """The first table that has positions."""
    reasons = []
    for rows in tables:
        try:
            return rows, question.of(rows.head(), f"{name}, table {rows.name}".removesuffix(", table "))
        except NoPositionError as error:
            reasons.append(str(error))
    raise NoPositionError("; ".join(reasons) or f"{name} holds no binary table")


# ---------------------------------------------------------------------- HATS


def _hats(
    question: _Question,
    catalog: HatsFolder,
    out: Path,
    overwrite: bool,
    threads: int,
    progress: bool,
    counter: _Counter,
) -> RowCounts:
    """Write what is asked of a HATS catalog to another one."""
    if catalog.kind not in ("object", "source", "margin"):
        raise ValueError(f"{catalog.path} is a HATS catalog of type {catalog.kind!r}, whose rows are not points")
    schema = catalog.schema()
    with _named(catalog.path):
        head = _head(schema)
    asked = question.of(head, catalog.path, _known(catalog, question, schema.names))
    if question.flags:
        schema = _new_schema(schema, asked.new_columns, catalog.path)
    partitions = catalog.partitions
    if not question.flags:
        is_near = near(partitions, question.sky, question.frame)
        partitions = [one for one, needed in zip(partitions, is_near, strict=True) if needed]
    properties = {key: value for key, value in catalog.properties.items() if not _OWN_PROPERTIES.fullmatch(key)}
    with (
        _progress(counter, len(partitions), progress),
        writing_hats(
            out,
            schema,
            overwrite=overwrite,
            kind=catalog.kind,
            lonlat=catalog.lonlat,
            properties=properties,
        ) as writer,
    ):

        def work(partition: Partition) -> None:
            with catalog.opened(partition) as files, writer.partition(partition) as add:
                for file in files:
                    for group in range(file.metadata.num_row_groups):
                        for table in _rows(file, group, asked, schema, question.flags, str(partition), counter):
                            add(table)
            counter.step()

        for _ in thread_map(work, partitions, threads):
            pass
    counts = counter.counts
    n_rows = catalog.n_rows
    return counts if n_rows is None else RowCounts(n_rows, counts.n_kept)


def _known(catalog: HatsFolder, question: _Question, names: Sequence[str]) -> Locator | None:
    """Where the rows of a catalog are, by its properties."""
    index, lonlat = catalog.index, catalog.lonlat
    if question.frame == "icrs" and index is not None and index[0] in names and index[1] >= question.order:
        return Locator((index[0],), None, "icrs", index[1])
    if lonlat is not None and all(one in names for one in lonlat):
        return Locator(lonlat, Position(lonlat, "icrs"), question.frame)
    return None
