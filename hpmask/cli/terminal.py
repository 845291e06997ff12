"""Shared by the commands: options, text in columns, progress on a terminal, and output files."""

from __future__ import annotations

import functools
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpmask import io
from hpmask._files.atomic import check_target, replacing
from hpmask._utils.arguments import MAX_ORDER
from hpmask._utils.words import counted, percent_text
from hpmask.core.rangeset import RangeSet
from hpmask.geometry.frames import FRAMES
from hpmask.mask import Mask
from hpmask.plotting.static import bin_title, need_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = [
    "area",
    "areas",
    "check_image",
    "check_mask",
    "check_outputs",
    "check_picture",
    "columns",
    "healpix_options",
    "kept",
    "line_about",
    "n_threads_option",
    "one_of_both",
    "order_option",
    "overwrite_option",
    "progress",
    "resolution_option",
    "save",
    "staged",
]

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")
n_threads_option = click.option(
    "-j", "--n-threads", type=click.IntRange(min=1), help="Number of threads to use [default: all processors]."
)


def order_option(words: str) -> Callable[[Any], Any]:
    """The option ``--order`` of a command, with its help."""
    return click.option("--order", type=click.IntRange(0, MAX_ORDER), help=words)


resolution_option = click.option(
    "--resolution",
    help="Use the coarsest order whose cells are no larger than this angle, such as '1 arcmin', instead of --order.",
)


def healpix_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command for HEALPix maps in FITS files: column, HDU, numbering and frame.

    They come to the command as one argument `healpix`, a dict of arguments of `hpmask.io.read_map`.
    """

    @functools.wraps(command)
    def called(
        *args: Any, column: str | None, hdu: str | None, nest: bool | None, map_frame: str | None, **options: Any
    ) -> Any:
        number = int(column) if column is not None and column.isdigit() else column
        return command(*args, healpix={"column": number, "hdu": hdu, "nest": nest, "frame": map_frame}, **options)

    for option in (
        click.option(
            "--map-frame", type=click.Choice(FRAMES), help="Frame of the cells, if the file does not give it."
        ),
        click.option("--nest/--ring", default=None, help="Numbering of the cells, if the file does not give it."),
        click.option("--hdu", help="Number or name of the HDU, in a file with several."),
        click.option("--column", help="Name or number of the column with the values, in a HEALPix map with several."),
    ):
        called = option(called)
    return called


def one_of_both(order: int | None, resolution: str | None) -> None:
    """Raise a UsageError if ``--order`` and ``--resolution`` are both given."""
    if order is not None and resolution is not None:
        raise click.UsageError("--order and --resolution exclude each other.")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns, ragged on the right."""
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def area(sky: RangeSet) -> str:
    """The area of a part of the sky, as text."""
    degrees = sky.sky_fraction * 4 * 180**2 / math.pi
    number = f"{degrees:.2f}" if sky.is_empty or degrees >= 0.01 else f"{degrees:.3g}"
    return f"{number} deg2, {percent_text(sky, 4)} of the sky"


def areas(mask: Mask) -> str:
    """The area that a mask keeps, as text; with energy bins, the smallest and the largest."""
    planes = sorted(mask.planes, key=lambda plane: plane.sky_fraction)
    return " to ".join(dict.fromkeys([area(planes[0]), area(planes[-1])]))


def line_about(mask: Mask, path: Path) -> str:
    """A file that was written, and what its mask keeps, as one line of text."""
    bins = "" if mask.energy is None else f"{counted(mask.energy.n_bins, 'energy bin')}, "
    grid = f"{mask.frame}, order {mask.order}, {bins}{counted(mask.n_ranges, 'range')}"
    return f"{path}: keeps {areas(mask)} ({grid})"


def kept(mask: Mask) -> list[list[str]]:
    """The area that a mask keeps in each bin, as rows of text."""
    if mask.energy is None:
        return [["kept", area(mask.planes[0])]]
    return [
        ["kept" if i == 0 else "", f"{bin_title(mask.energy, i)}: {area(plane)}"] for i, plane in enumerate(mask.planes)
    ]


@contextmanager
def progress(total: int, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show the progress of `total` steps on stderr, if that is a terminal.

    Yields a function that is to be called with a few words at the beginning of each step.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda words: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total)
        started = 0

        def begin(words: str) -> None:
            nonlocal started
            bar.update(task, description=escape(words), completed=started)
            started += 1

        yield begin


def check_outputs(paths: Sequence[Path], *, inputs: Sequence[Path] = (), overwrite: bool) -> None:
    """Raise, before any work is done, if a file cannot be written or is one of the inputs."""
    for i, path in enumerate(paths):
        for other in paths[:i]:
            if path.resolve() == other.resolve() or _same(path, other):
                raise ValueError(f"two outputs have the same name, {path}")
        if path.is_dir():
            raise ValueError(f"{path} is a directory")
        if not path.parent.is_dir():
            raise ValueError(f"{path}: the directory {path.parent} does not exist")
        for source in inputs:
            if _same(path, source):
                raise ValueError(f"{path} is an input: give the output another name")
        if path.exists() and not overwrite:
            raise ValueError(f"{path} exists already: --overwrite replaces it")
        check_target(path, overwrite=overwrite)
        if not os.access(path.resolve().parent, os.W_OK):
            raise ValueError(f"{path}: the directory {path.resolve().parent} is not writable")


def _same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also through links and relative paths."""
    return path.exists() and other.exists() and path.samefile(other)


@contextmanager
def staged(paths: Sequence[Path], *, overwrite: bool) -> Iterator[dict[Path, Path]]:
    """Temporary paths for the outputs, which get their own names when the block ends without an error."""
    with tempfile.TemporaryDirectory(prefix="hpmask-") as folder:
        places = {path: Path(folder) / str(i) / path.name for i, path in enumerate(paths)}
        for place in places.values():
            place.parent.mkdir()
        yield places
        for path, place in places.items():
            with place.open("rb") as source, replacing(path, overwrite=overwrite) as file:
                shutil.copyfileobj(source, file)


def check_mask(path: Path) -> None:
    """Raise unless the name of a file gives a format of masks."""
    known = tuple(suffix for one in io.formats.values() for suffix in one.suffixes)
    if not path.name.lower().removesuffix(".gz").endswith(known):
        raise ValueError(f"{path}: the name of a mask file must end in one of {', '.join(known)}")


def check_image(path: Path) -> None:
    """Raise unless the name of a file is that of a FITS image."""
    if not path.name.lower().removesuffix(".gz").endswith((".fits", ".fit", ".fts")):
        raise ValueError(f"{path}: the name of a FITS image must end in .fits, .fit or .fts, with or without .gz")


def check_picture(path: Path) -> None:
    """Raise unless the name of a file gives a format of pictures that matplotlib can write."""
    need_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"{path}: the name of a picture must end in one of {', '.join('.' + one for one in known)}")


def save(figure: Figure, path: Path, *, overwrite: bool = False, **options: Any) -> None:
    """Write a figure to a file, atomically."""
    with replacing(path, overwrite=overwrite) as file:
        figure.savefig(file, format=path.suffix.lower().removeprefix("."), **options)
