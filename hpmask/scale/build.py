"""Masks of catalogs that do not fit in memory: pieces of the catalog to ranges, and ranges to tiles of the mask.

The steps, each of them of tasks that do not depend on each other:

1. A task takes a piece of the catalog and makes the cells of its shapes, some rows at a time, so that its memory is
   limited. It writes them to one file, cut into tiles of the sky (`hpmask.scale.ranges`).
2. A task takes some tiles and unites what all pieces have there. It writes the tiles of the mask.
3. The index of the mask is written, and the mask gets its name.

No rows or ranges are sent between workers: only names of files. All files are in a folder of the build, where each of
them appears when it is complete. A task whose file is there is done, and so a build that was stopped goes on where it
was. ``plan.json`` has the digest of all that the result depends on; with another digest the build begins anew.
"""

from __future__ import annotations

import errno
import hashlib
import json
import marshal
import math
import operator
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from functools import lru_cache, partial, reduce
from itertools import chain, pairwise
from pathlib import Path
from types import CodeType
from typing import Any, Literal

import numpy as np
from astropy import units as u

import hpmask
from hpmask._files.atomic import check_folder_target, place_folder, replacing
from hpmask._files.urls import is_url
from hpmask._utils.arguments import as_flag, check_invalid, check_order
from hpmask._utils.history import Expression
from hpmask._utils.modes import Mode, check_mode
from hpmask._utils.warn import warn
from hpmask._utils.words import listed
from hpmask.catalog.columns import find_position
from hpmask.catalog.laws import MagnitudeLaw
from hpmask.catalog.masks import Column, kind_of
from hpmask.catalog.parts import with_units
from hpmask.catalog.rows import Account, Rows, columns_needed, find_rows, listed_faults
from hpmask.core.rangeset import RangeSet, joined, trusted
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.frames import check_frame
from hpmask.io.parquet_folder import MaskFolder, finish, is_folder, obstacle, write_tile
from hpmask.mask import Mask
from hpmask.regions.arrays import Annuli, Batch, Boxes, Discs, Ellipses
from hpmask.regions.batches import columns_of
from hpmask.regions.order import given_order, warn_of_misses
from hpmask.regions.rasterize import expected_ranges, union_and_misses
from hpmask.regions.sizes import span_text
from hpmask.regions.within import footprints_of, rows_near
from hpmask.scale.pieces import Catalog, Piece, in_pieces, tables_of
from hpmask.scale.ranges import RangesFile, RangesWriter, in_tiles, united
from hpmask.scale.schedule import Workers

__all__ = ["Built", "from_catalog"]

# Ranges that are made at a time, about: 64 MB, and a few times that on the way.
_MOST_RANGES = 4_000_000

# Faulty rows of a piece that are named.
_MOST_NAMED = 10

# Ranges of a task of the second step, about, before they are united; it has a tile at least.
_TASK_RANGES = 2_000_000
_LEAST_TASKS = 8

_PLAN = "plan.json"
# Where the mask goes that is replaced, on systems that cannot exchange two folders.
_OLD = "old"
_ABOUT = "files of hpmask.scale, for a mask that is not finished"

# What the shapes of some sizes are.
_KINDS: dict[str, type[Batch]] = {"radius": Discs, "inner_radius": Annuli, "semi_major": Ellipses, "width": Boxes}


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker must know to do its part of a build."""

    pieces: tuple[Piece, ...]
    columns: tuple[str, ...] | None
    units: dict[str, Any]
    sizes: dict[str, Any]
    reading: dict[str, Any]
    invalid: str
    order: int
    mode: Mode
    frame: str
    energy: EnergyAxis | None
    within: Mask | None
    tile_order: int
    n_planes: int
    n_threads: int | None
    in_memory: bool

    @property
    def final_order(self) -> int:
        """The order of the mask: that of the shapes, or a finer one of the footprint."""
        return self.order if self.within is None else max(self.order, self.within.order)


@dataclass(frozen=True, slots=True)
class Built:
    """What `from_catalog` has made.

    Attributes
    ----------
    mask : Mask or path
        The mask, or its folder.
    counts : dict of str to int
        The numbers of "sources" that were used, of rows that were "skipped", and of those that got a size from
        `missing`; all in the words of `hpmask.recipe.Part`. Also "rows" and "chosen".
    """

    mask: Any
    counts: dict[str, int]


# ---------------------------------------------------------------------- the work folder


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a build, and the files in it."""

    root: Path

    def piece(self, number: int) -> Path:
        return self.root / "pieces" / f"{number}.ranges"

    def tiles(self, number: int) -> Path:
        return self.root / "tiles" / f"{number}.ranges"

    @property
    def mask(self) -> Path:
        return self.root / "mask"


@lru_cache(maxsize=1)
def _job(path: str) -> tuple[Job, str]:
    """The job of a build and its digest. A worker reads it once: each call of `from_catalog` writes a new file."""
    import cloudpickle

    try:
        with open(path, "rb") as file:
            job, run = cloudpickle.load(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"a worker finds no file {path!r}: the folder of the mask, or scratch, must be one that all workers share"
        ) from error
    return job, run


# ---------------------------------------------------------------------- step 1


def rasterize(root: str, job_path: str, number: int, rows: Any = None) -> None:
    """Write the cells of a piece of the catalog."""
    place, (job, run) = Place(Path(root)), _job(job_path)
    piece = job.pieces[number]
    what = f"partition {number}" + (f" ({piece.name!r})" if piece.name else "")
    totals = _Totals()
    with replacing(place.piece(number), overwrite=True, durable=False) as file:
        writer = RangesWriter(file, job.order, job.tile_order, run)
        try:
            for first, table in tables_of(piece, job.columns, rows):
                found = find_rows(with_units(table, job.units), job.sizes, what, **job.reading, energy=job.energy)
                totals.count(found, first)
                if found.account.n_skipped and job.invalid == "raise":
                    faults = tuple((text, bad + first) for text, bad in found.faults)
                    raise ValueError(
                        f"{found.account.n_skipped} rows cannot be used: {listed_faults(faults)}. {found.advice}"
                    )
                if found.center.size:
                    _write_shapes(found, job, writer, totals)
        except ValueError as error:
            # Errors of rows and columns. Those that name the partition are raised as they are.
            raise error if what in str(error) else ValueError(f"{what}: {error}") from error
        writer.close(totals.notes() | {"ranges": writer.n_ranges})


class _Totals:
    """What is counted in a piece, for warnings and the history."""

    def __init__(self) -> None:
        self.counts = {"sources": 0, "missed": 0}
        self.account: Account | None = None
        self.narrowest = math.inf
        self.faults: dict[str, tuple[int, list[int]]] = {}
        self.spans: dict[str, tuple[float, float, str]] = {}

    def count(self, rows: Rows, first: int) -> None:
        own = rows.account
        self.account = own if self.account is None else self.account + own
        self.counts["sources"] += rows.center.size
        for what, bad in rows.faults:
            total, named = self.faults.get(what, (0, []))
            self.faults[what] = total + bad.size, (named + (bad[:_MOST_NAMED] + first).tolist())[:_MOST_NAMED]
        if rows.center.size:
            for name, angles in rows.sizes.items():
                span = float(angles.min().to_value(u.deg)), float(angles.max().to_value(u.deg)), str(angles.unit)
                self.spans[name] = _wider(self.spans.get(name, span), span)

    def notes(self) -> dict[str, Any]:
        """All of it for JSON."""
        narrowest = None if self.narrowest == math.inf else self.narrowest
        return {
            "counts": self.counts,
            "narrowest": narrowest,
            "faults": self.faults,
            "spans": self.spans,
            "account": None if self.account is None else asdict(self.account),
        }


def _wider(one: Sequence[Any], two: Sequence[Any]) -> tuple[float, float, str]:
    return min(one[0], two[0]), max(one[1], two[1]), one[2]


def _write_shapes(rows: Rows, job: Job, writer: RangesWriter, totals: _Totals) -> None:
    """Write the cells of the shapes of some rows, a limited number of ranges at a time."""
    batches = columns_of(kind_of(job.sizes)(rows.center, **rows.sizes), job.frame, job.energy)
    if len(batches) == 1:
        batches = batches * job.n_planes
    grounds: Sequence[RangeSet | None] = [None] * job.n_planes
    if job.within is not None:
        footprints = footprints_of(job.within, job.frame, job.energy)
        grounds = list(footprints) * (job.n_planes // len(footprints))
    distinct = {id(batch): batch for batch in batches}
    ranges = sum(2.0 + expected_ranges(batch.outline_lengths, job.order) for batch in distinct.values())
    ends = np.searchsorted(np.cumsum(ranges), np.arange(_MOST_RANGES, ranges.sum(), _MOST_RANGES))
    edges = np.unique([0, *ends, len(ranges)]).tolist()
    missed = 0
    for a, b in pairwise(edges):
        planes: dict[tuple[int, int], RangeSet] = {}
        without: set[int] = set()
        sequence = [(id(batch), id(ground)) for batch, ground in zip(batches, grounds, strict=True)]
        for key, batch, ground in zip(sequence, batches, grounds, strict=True):
            if key in planes:
                continue
            some = batch.take(slice(a, b))
            near = slice(None) if ground is None else rows_near(some, ground, job.order)
            planes[key], misses = union_and_misses(some, near, order=job.order, mode=job.mode, n_threads=job.n_threads)
            if misses.size:
                without.update(misses.tolist())
                inradius = float(some.take(misses).sizes.inradius.min(initial=math.inf))
                totals.narrowest = min(totals.narrowest, inradius)
        missed += len(without)
        writer.add([planes[key] for key in sequence])
    totals.counts["missed"] += missed


# ---------------------------------------------------------------------- step 2


def unite(root: str, job_path: str, number: int, tiles: Sequence[int], pieces: Sequence[int]) -> None:
    """Write some tiles of the mask: what the files of some pieces have there."""
    place, (job, run) = Place(Path(root)), _job(job_path)
    files = [RangesFile(place.piece(one), job.order, job.tile_order, run) for one in pieces]
    within: list[dict[int, RangeSet]] = []
    if job.within is not None:
        footprints = footprints_of(job.within, job.frame, job.energy)
        within = [dict(in_tiles(plane, job.tile_order, tiles)) for plane in footprints]
    with replacing(place.tiles(number), overwrite=True, durable=False) as file:
        writer = RangesWriter(file, job.final_order, job.tile_order, run)
        for tile in tiles:
            blocks = chain.from_iterable(one.blocks(tile) for one in files)
            planes = united(blocks, job.order, job.n_planes)
            if within:
                planes = [
                    plane & ground.get(tile, RangeSet.empty(0))
                    for plane, ground in zip(planes, within * (job.n_planes // len(within)), strict=True)
                ]
            if not any(planes):
                continue
            if job.in_memory:
                writer.add(planes)
            else:
                write_tile(place.mask, tile, job.tile_order, planes, job.final_order, run=run)
        writer.close({})


# ---------------------------------------------------------------------- the whole


def from_catalog(
    source: Any,
    radius: Column | None = None,
    *,
    inner_radius: Column | None = None,
    outer_radius: Column | None = None,
    semi_major: Column | None = None,
    semi_minor: Column | None = None,
    width: Column | None = None,
    height: Column | None = None,
    position_angle: Column | None = None,
    missing: Mapping[str, u.Quantity | str] | None = None,
    where: str | Sequence[str] | Callable[..., Any] | None = None,
    within: Mask | None = None,
    lon: str | None = None,
    lat: str | None = None,
    catalog_frame: str | None = None,
    epoch: Any = None,
    catalog_epoch: Any = None,
    motion: tuple[str, str] | None = None,
    invalid: Literal["raise", "skip"] = "raise",
    order: int | None = None,
    resolution: u.Quantity | str | None = None,
    mode: Mode = "center",
    frame: str = "icrs",
    energy: EnergyAxis | None = None,
    columns: Sequence[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    tile_order: int | None = None,
    scratch: str | os.PathLike[str] | None = None,
    resume: bool = True,
    workers: Any = None,
    progress: bool = False,
) -> Built:
    """As `hpmask.scale.from_catalog`, and the counts of rows. `missing` is a mapping that has been checked."""
    given = {
        "radius": radius,
        "inner_radius": inner_radius,
        "outer_radius": outer_radius,
        "semi_major": semi_major,
        "semi_minor": semi_minor,
        "width": width,
        "height": height,
        "position_angle": position_angle,
    }
    sizes = {name: value for name, value in given.items() if value is not None}
    kind_of(sizes)
    for name, value in sizes.items():
        if isinstance(value, u.Quantity) and value.ndim and value.shape[0] != 1:
            raise ValueError(
                f"{name} must be one angle, the name of a column or a function of the table: the rows of a catalog in "
                f"pieces have no common numbers, got the shape {value.shape}"
            )
    if where is not None and not callable(where) and np.asarray(where).dtype == np.bool_:
        raise TypeError("where must be a condition or a function of the table: the rows have no common numbers")
    mode, frame, progress = check_mode(mode), check_frame(frame), as_flag(progress, "progress")
    check_invalid(invalid)
    known, order_text = given_order(order, resolution)
    if known is None:
        raise TypeError("order or resolution must be given: the sizes in a catalog are not known before it is read")
    if tile_order is None:
        tile_order = min(known, 3)
    elif check_order(tile_order, "tile_order") > known:
        raise ValueError(f"tile_order must not be finer than the order of the mask, {known}, got {tile_order}")
    overwrite, resume = as_flag(overwrite, "overwrite"), as_flag(resume, "resume")
    if within is not None:
        footprints_of(within, frame, energy)
    if folder is not None and scratch is not None:
        raise TypeError("scratch is for a mask in memory: the files of a build lie beside the folder of its mask")
    staff = Workers(workers)

    catalog = in_pieces(source, lon, lat)
    if lon is None and lat is None:
        lon, lat = catalog.lon, catalog.lat
        if catalog_frame is None:
            catalog_frame = catalog.frame
    reading = {
        "missing": dict(missing or {}),
        "where": where,
        "lon": lon,
        "lat": lat,
        "catalog_frame": catalog_frame,
        "epoch": epoch,
        "catalog_epoch": catalog_epoch,
        "motion": motion,
    }
    wanted = _columns(catalog, columns, sizes, reading, energy)
    if catalog.delayed is not None and wanted is not None:
        # Dask then reads these columns only.
        catalog = in_pieces(source[list(wanted)])
    job = Job(
        pieces=tuple(catalog.pieces),
        columns=wanted,
        units=catalog.units,
        sizes=sizes,
        reading=reading,
        invalid=invalid,
        order=known,
        mode=mode,
        frame=frame,
        energy=energy,
        within=within,
        tile_order=tile_order,
        n_planes=1 if energy is None else energy.n_bins,
        n_threads=staff.n_threads,
        in_memory=folder is None,
    )
    run = _digest(job)
    target, root = _checked_target(folder, overwrite)
    if target is not None and _is_finished(target, root, run):
        # Only the tidying up was missing.
        counts = json.loads((root / _PLAN).read_text("utf-8"))["counts"]
        shutil.rmtree(root)
        return Built(target, counts)
    if target is not None and target.exists() and not overwrite:
        raise _exists(target)
    with ExitStack() as stack:
        stack.enter_context(staff)
        if scratch is not None:
            root = Path(scratch, f"{run[:16]}.build")
        elif target is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpmask-")))
        place = Place(root)
        job_path = _begin(place, job, run, resume)
        notes = _rasterized(place, job, run, job_path, catalog, staff, progress)
        tasks = _united(place, job, run, job_path, staff, progress)
        counts, text = _told(notes, job, catalog, order_text)
        if target is None:
            made: Any = _in_memory(place, job, run, tasks, text)
        else:
            grid: dict[str, Any] = {"order": job.final_order, "tile_order": tile_order, "frame": frame}
            finish(place.mask, **grid, energy=energy, history=text, run=run)
            _write_plan(place, run, counts)
            aside = root / _OLD if target.exists() else None
            if aside is not None:
                # That of a build that was killed.
                shutil.rmtree(aside, ignore_errors=True)
            place_folder(place.mask, target, aside=aside)
            made = target
        # After an error the files stay, for the next run.
        shutil.rmtree(root, ignore_errors=True)
    return Built(made, counts)


def _columns(
    catalog: Catalog,
    columns: Sequence[str] | None,
    sizes: Mapping[str, Any],
    reading: Mapping[str, Any],
    energy: EnergyAxis | None,
) -> tuple[str, ...] | None:
    """The columns to read; None for all."""
    example = catalog.example
    if example is None:
        return None if columns is None else tuple(columns)
    if not any(callable(one) and not isinstance(one, MagnitudeLaw) for one in (*sizes.values(), reading["where"])):
        # Errors of columns come here, and not from a worker.
        find_rows(example, sizes, catalog.source, **reading, energy=energy)
    words = {name: value for name, value in reading.items() if name != "missing"}
    needed, _ = columns_needed(example, sizes, **words, energy=energy, source=catalog.source)
    if columns is None:
        return tuple(needed)
    unknown = [name for name in columns if name not in example.colnames]
    if unknown:
        raise ValueError(
            f"columns has {unknown[0]!r}, which is not a column of {catalog.source}: it has {listed(example.colnames)}"
        )
    position = find_position(example, reading["lon"], reading["lat"], reading["catalog_frame"], catalog.source)
    return tuple(dict.fromkeys([*position.names, *columns]))


# ---------------------------------------------------------------------- files and folders


def _digest(job: Job) -> str:
    """A digest of all that the result depends on."""
    import cloudpickle

    state = hashlib.sha256(hpmask.__version__.encode())
    for one in fields(job):
        if one.name in ("columns", "n_threads"):
            continue
        value = getattr(job, one.name)
        if one.name == "pieces":
            value = [piece.identity for piece in value]
        state.update(cloudpickle.dumps((one.name, value)))
    for function in (*job.sizes.values(), job.reading["where"]):
        for code in _codes(function):
            # A function of a module is pickled by its name only.
            state.update(marshal.dumps(code))
    return state.hexdigest()


def _codes(function: Any) -> list[CodeType]:
    """The code of a function, also of one in a partial or a callable object."""
    if isinstance(function, partial):
        return _codes(function.func)
    code = getattr(function, "__code__", None)
    if code is None and callable(function):
        code = getattr(type(function).__call__, "__code__", None)
    own = [code] if isinstance(code, CodeType) else []
    parts = [one for one in getattr(function, "__dict__", {}).values() if callable(one)]
    return own + [inner for one in parts for inner in _codes(one)]


def _checked_target(folder: str | os.PathLike[str] | None, overwrite: bool) -> tuple[Path | None, Path]:
    """The folder of the mask, and that of its build."""
    if folder is None:
        return None, Path()
    if is_url(folder):
        raise ValueError(f"folder must be a local path, got the URL {os.fspath(folder)}")
    target = Path(os.path.realpath(folder))
    root = target.with_name(f"{target.name}.build")
    if not target.exists() and is_folder(root / _OLD):
        # A build was killed when it replaced this mask, in the moment without one.
        os.rename(root / _OLD, target)
    # A mask beside the folder of its build may be complete.
    check_folder_target(target, overwrite=overwrite or root.exists(), obstacle=obstacle)
    return target, root


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "Folder exists: overwrite=True replaces it", str(target))


def _is_finished(target: Path, root: Path, run: str) -> bool:
    """Whether the mask is there, and only the folder of the build was not removed."""
    if not target.exists():
        return False
    plan = _read_plan(root)
    return plan.get("run") == run and "counts" in plan and MaskFolder(target).run == run


def _read_plan(root: Path) -> dict[str, Any]:
    try:
        plan = json.loads((root / _PLAN).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return plan if isinstance(plan, dict) else {}


def _write_plan(place: Place, run: str, counts: dict[str, int] | None = None) -> None:
    plan = {"about": _ABOUT, "run": run} | ({} if counts is None else {"counts": counts})
    with replacing(place.root / _PLAN, overwrite=True) as file:
        file.write(json.dumps(plan).encode())


def _begin(place: Place, job: Job, run: str, resume: bool) -> str:
    """Make the folder of a build, or take the one that is there if it is of the same build. Returns the job's path."""
    import cloudpickle

    root = place.root
    if root.exists() and any(root.iterdir()):
        plan = _read_plan(root)
        if plan.get("about") != _ABOUT:
            raise FileExistsError(errno.EEXIST, "This folder is not one of a build: remove it", str(root))
        if plan.get("run") != run or not resume:
            # The plan goes last, so that the next run knows the folder for what it is.
            for one in (path for path in root.iterdir() if path.name != _PLAN):
                shutil.rmtree(one) if one.is_dir() else one.unlink()
    root.mkdir(parents=True, exist_ok=True)
    _write_plan(place, run)
    for name in ("pieces", "tiles", "mask"):
        (root / name).mkdir(exist_ok=True)
    for old in root.glob("job-*.pickle"):
        old.unlink()
    path = root / f"job-{secrets.token_hex(8)}.pickle"
    path.write_bytes(cloudpickle.dumps((job, run)))
    return str(path)


# ---------------------------------------------------------------------- steps


def _rasterized(
    place: Place, job: Job, run: str, job_path: str, catalog: Catalog, staff: Workers, progress: bool
) -> list[dict[str, Any]]:
    """Do the first step. Returns the notes of the pieces."""
    rows = [None] * len(job.pieces) if catalog.delayed is None else catalog.delayed
    staff.run(
        rasterize,
        {k: (str(place.root), job_path, k, rows[k]) for k in range(len(job.pieces))},
        is_done=lambda k: place.piece(k).is_file(),
        what="rasterizing",
        progress=progress,
    )
    return [RangesFile(place.piece(k), job.order, job.tile_order, run).notes for k in range(len(job.pieces))]


def _united(place: Place, job: Job, run: str, job_path: str, staff: Workers, progress: bool) -> list[int]:
    """Do the second step. Returns the numbers of its tasks."""
    own: dict[int, list[int]] = {}
    n_ranges = 0
    for k in range(len(job.pieces)):
        file = RangesFile(place.piece(k), job.order, job.tile_order, run)
        n_ranges += file.notes["ranges"]
        for tile in file.tiles.tolist():
            own.setdefault(tile, []).append(k)
    # The same groups in each run, whatever the number of workers.
    n_tiles = 12 << 2 * job.tile_order
    size = -(-n_tiles // min(max(n_ranges // _TASK_RANGES, _LEAST_TASKS), n_tiles))
    groups: dict[int, list[int]] = {}
    for tile in sorted(own):
        groups.setdefault(tile // size, []).append(tile)
    staff.run(
        unite,
        {
            number: (str(place.root), job_path, number, tiles, sorted({k for tile in tiles for k in own[tile]}))
            for number, tiles in groups.items()
        },
        is_done=lambda number: place.tiles(number).is_file(),
        what="uniting tiles",
        progress=progress,
    )
    return sorted(groups)


def _in_memory(place: Place, job: Job, run: str, tasks: Sequence[int], history: str) -> Mask:
    """The mask from the files of the second step."""
    ends: list[list[Any]] = [[] for _ in range(job.n_planes)]
    for number in tasks:
        file = RangesFile(place.tiles(number), job.final_order, job.tile_order, run)
        for tile in file.tiles.tolist():
            for planes, part in file.blocks(tile):
                for k in planes:
                    ends[k].append(part.boundaries)
    whole: list[RangeSet] = []
    for own in ends:
        boundaries = np.concatenate([np.empty(0, dtype=np.uint64), *own])
        whole.append(trusted(joined(boundaries[::2], boundaries[1::2]), job.final_order))
    return Mask(whole, order=job.final_order, frame=job.frame, energy=job.energy, history=history)


def _told(
    notes: Sequence[Mapping[str, Any]], job: Job, catalog: Catalog, order_text: str
) -> tuple[dict[str, int], str]:
    """Warn of what was left out. Returns the counts and the history of the mask."""
    shown = [Account(**note["account"]) for note in notes if note["account"] is not None]
    account = reduce(operator.add, shown) if shown else None
    n_sources, n_missed = (sum(note["counts"][name] for note in notes) for name in ("sources", "missed"))
    counts = {"sources": n_sources, "rows": 0, "chosen": 0, "skipped": 0, "missing": 0}
    parts = [catalog.source]
    if account is not None:
        counts |= {"rows": account.n_rows, "chosen": account.n_chosen}
        counts |= {"skipped": account.n_skipped, "missing": account.n_filled}
        parts = [account.text(catalog.source)]
        if account.n_skipped:
            warn(f"left out {account.n_skipped} of {account.n_rows} rows: {_faults_of(notes)}")
    shapes = next(kind for size, kind in _KINDS.items() if size in job.sizes).counted_as(n_sources)
    narrowest = min((note["narrowest"] for note in notes if note["narrowest"] is not None), default=0.0)
    warn_of_misses(n_missed, shapes, narrowest, job.order, job.mode)
    parts.append(shapes)
    for name in job.sizes:
        spans = [note["spans"][name] for note in notes if name in note["spans"]]
        if spans:
            low, high, unit = reduce(_wider, spans)
            span = span_text(np.deg2rad(np.array([low, high])), u.Unit(unit))
            parts.append(span if name == "radius" else f"{name.replace('_', ' ')} {span}")
    parts.append(order_text + ("" if job.mode == "center" else f", mode={job.mode!r}"))
    history = f"from_catalog({', '.join(parts)})"
    if job.within is not None:
        history = str(Expression.joined("&", [Expression.parse(history), Expression.parse(job.within.history)]))
    return counts, history


def _faults_of(notes: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with rows, with their partitions and numbers."""
    total: dict[str, int] = {}
    named: dict[str, list[str]] = {}
    for k, note in enumerate(notes):
        for what, (number, rows) in note["faults"].items():
            total[what] = total.get(what, 0) + number
            some = named.setdefault(what, [])
            some += [f"partition {k} row {row}" for row in rows[: _MOST_NAMED - len(some)]]
    return "; ".join(
        f"{what} in {number} ({', '.join(named[what])}{', ...' if number > len(named[what]) else ''})"
        for what, number in total.items()
    )
