"""The files of the commands: mask files and their layers, URLs, and ``-`` for standard input and standard output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import click
from astropy.table import Table

from hpmask import io
from hpmask._files.atomic import check_target, replacing
from hpmask._files.tables import FITS, PARQUET
from hpmask._files.urls import Place, is_url, local_file, name_of_place, written_to_url
from hpmask.cli.messages import note, result, timed
from hpmask.cli.report import echo_json, facts_of_file, line_about, note_histories
from hpmask.mask import Mask
from hpmask.maskset import MaskSet
from hpmask.plotting.styles import need_matplotlib

__all__ = [
    "LAYER",
    "STANDARD",
    "MaskOutput",
    "Output",
    "Source",
    "TableOutput",
    "check_image",
    "check_inputs",
    "check_mask",
    "check_outputs",
    "check_picture",
    "format_of_table",
    "local",
    "local_image",
    "name_of",
    "staged",
    "table_suffix",
]

STANDARD = "-"
"""The name of standard input and standard output. A file of this name is ``./-``."""
LAYER = "::"
"""What stands between the name of a file and that of a layer in it."""

# The options that files with layers have.
_SET_OPTIONS = {"frame", "within"}
# The formats of tables: their suffixes, and their names in astropy.
_TABLES = {
    "csv": ((".csv",), "ascii.csv"),
    "tsv": ((".tsv",), "ascii.tab"),
    "ecsv": ((".ecsv",), "ascii.ecsv"),
    "fits": (FITS, "fits"),
    "votable": ((".vot", ".votable", ".xml"), "votable"),
    "parquet": (PARQUET, "parquet"),
}
# Bytes by which the format of a table is recognized.
_START = 1 << 12
# The formats whose files a terminal can show.
_TEXT_FORMATS = frozenset({"ascii", "json", "ds9", "crtf", "geojson", "stcs", "csv", "tsv", "ecsv", "votable"})


# ---------------------------------------------------------------------- inputs


@dataclass(frozen=True)
class Source:
    """A mask file to read, or one layer of it.

    Attributes
    ----------
    place : str or path
        A path, a URL or ``-``.
    layer : str, optional
        Name of the layer.
    """

    place: Place
    layer: str | None = None

    def __str__(self) -> str:
        return str(self.place) if self.layer is None else f"{self.place}{LAYER}{self.layer}"

    def mask(self, **options: Any) -> Mask:
        """The mask. A file with layers needs the name of one."""
        with local(self.place, "") as place, timed(f"read {self}"):
            mask = Mask.read(place, layer=self.layer, **options)
        note(line_about(mask, str(self)))
        return mask

    def layers(self, **options: Any) -> dict[str, Mask]:
        """The masks by the names of their layers. A file with a single mask, or one layer of it, has the name ''."""
        options = {name: value for name, value in options.items() if value is not None}
        with timed(f"read {self}"):
            found = self._layers(options)
        for name, mask in found.items():
            note(line_about(mask, str(Source(self.place, name or self.layer))))
        return found

    def _layers(self, options: dict[str, Any]) -> dict[str, Mask]:
        with local(self.place, "") as place:
            try:
                return {"": Mask.read(place, layer=self.layer, **options)}
            except ValueError:
                if self.layer is not None or options.keys() - _SET_OPTIONS:
                    raise
                # Formats do not say beforehand whether a file has one mask or several.
                with suppress(ValueError):
                    return dict(MaskSet.read(place, **options))
                raise


def _standard_input() -> IO[bytes]:
    """Standard input, for bytes. Raises a UsageError if it is a terminal."""
    file = sys.stdin.buffer
    if file.isatty():
        raise click.UsageError("- means standard input, which is a terminal: redirect it from a file or a pipe.")
    return file


@contextmanager
def local(place: Any, suffix: str | Callable[[bytes], str]) -> Iterator[Any]:
    """A place of an input, or a temporary copy of standard input for ``-``.

    Parameters
    ----------
    place : str, path or None
        The place; anything but ``-`` comes back as it is.
    suffix : str or callable
        The end of the name of the copy, or a function that finds it from the first bytes.
    """
    if place != STANDARD:
        yield place
        return
    source = _standard_input()
    start = source.read(_START)
    with tempfile.TemporaryDirectory(prefix="hpmask-") as folder:
        copy = Path(folder) / f"stdin{suffix if isinstance(suffix, str) else suffix(start)}"
        with copy.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(source, file, 1 << 20)
        yield copy


@contextmanager
def local_image(place: Any) -> Iterator[Any]:
    """A place of a FITS image or a map, or a temporary copy of what is at a URL or comes from standard input."""
    if not is_url(place):
        with local(place, ".fits") as path:
            yield path
        return
    with local_file(place) as path:
        try:
            yield path
        except ValueError as error:
            # With the name that the user knows.
            raise type(error)(str(error).replace(str(path), place)) from error


def table_suffix(start: bytes) -> str:
    """The suffix of a table that begins with some bytes. What is nothing else is CSV."""
    if start.startswith(b"\x1f\x8b"):
        return table_suffix(zlib.decompressobj(31).decompress(start, 256)) + ".gz"
    starts = {b"PAR1": ".parquet", b"SIMPLE": ".fits", b"# %ECSV": ".ecsv", b"<": ".vot"}
    return next((suffix for known, suffix in starts.items() if start.lstrip().startswith(known)), ".csv")


def check_inputs(places: Iterable[Place | Source]) -> list[Place]:
    """The places of inputs. Raises a UsageError if standard input stands for two of them."""
    found = [one.place if isinstance(one, Source) else one for one in places]
    if found.count(STANDARD) > 1:
        raise click.UsageError("- means standard input, which can be read once only.")
    return found


# ---------------------------------------------------------------------- outputs


@dataclass(frozen=True)
class Output:
    """A file to write, and how something is printed about it.

    Attributes
    ----------
    place : str or path
        A path, a URL or ``-``.
    format : str, optional
        Name of the format, if it is not that of the name.
    overwrite : bool
        Whether an existing file may be replaced.
    as_json : bool
        Whether JSON is printed instead of text.
    """

    place: Place
    format: str | None = None
    overwrite: bool = False
    as_json: bool = False

    def check(self, inputs: Iterable[Place | Source]) -> None:
        """Raise, before any work is done, if the file cannot be written or the inputs cannot be read."""
        if self.place == STANDARD and self.as_json:
            raise click.UsageError("--json prints to standard output, which is OUT.")
        check_outputs(
            [self.place],
            inputs=check_inputs(inputs),
            overwrite=self.overwrite,
            text=self.format in _TEXT_FORMATS,
            check_path=self.check_path,
        )

    def check_path(self, path: Path) -> None:
        """Raise if the output cannot take its place at a path."""
        _check_file(path, self.overwrite)

    def print(self, facts: Any, lines: Iterable[str]) -> None:
        """Print facts as JSON, or lines of text, unless the file is standard output."""
        if self.as_json:
            echo_json(facts)
        elif self.place != STANDARD:
            for line in lines:
                result(line)

    @classmethod
    def formats(cls) -> list[str]:
        """The names of the formats that a file of this kind may have."""
        return []

    @contextmanager
    def staged(self, suffix: str = ".fits") -> Iterator[Path]:
        """A temporary path, whose file becomes the output when the block ends without an error.

        The temporary name for standard output ends in `suffix`.
        """
        with staged([self.place], overwrite=self.overwrite, suffix=suffix) as paths:
            yield paths[self.place]


@dataclass(frozen=True)
class MaskOutput(Output):
    """A mask file to write, and what is printed about it."""

    @classmethod
    def formats(cls) -> list[str]:
        """The formats of masks."""
        return list(io.formats)

    def check(self, inputs: Iterable[Place | Source]) -> None:
        """Raise, before any work is done, if the mask cannot be written or the inputs cannot be read."""
        super().check(inputs)
        if self.format is None:
            check_mask(self.place)

    def check_path(self, path: Path) -> None:
        """Raise if the mask cannot take its place at a path, where some formats make a folder."""
        if path.is_dir() and self.format is not None:
            io.check_writable(path, overwrite=self.overwrite, format=self.format)
        else:
            super().check_path(path)

    def write(self, masks: Mask | Mapping[str, Mask], **options: Any) -> None:
        """Write a mask, or layers as `Source.layers` returns them, and print what is kept."""
        layers = {"": masks} if isinstance(masks, Mask) else dict(masks)
        with timed(f"write {self.place}"):
            if self.place == STANDARD:
                file = sys.stdout.buffer
                self._write(layers, file, format=self.format or "fits", **options)
                file.flush()
            else:
                self._write(layers, self.place, format=self.format, **options)
        self.report(layers)

    def report(self, masks: Mask | Mapping[str, Mask]) -> None:
        """Print what the file keeps that was written."""
        layers = {"": masks} if isinstance(masks, Mask) else masks
        note_histories(str(self.place), layers)
        lines = (line_about(mask, str(Source(self.place, layer or None))) for layer, mask in layers.items())
        self.print(facts_of_file(str(self.place), layers), lines)

    def _write(self, layers: dict[str, Mask], target: Place | IO[bytes], **options: Any) -> None:
        if list(layers) == [""]:
            layers[""].write(target, overwrite=self.overwrite, **options)
        else:
            MaskSet(layers).write(target, overwrite=self.overwrite, **options)


@dataclass(frozen=True)
class TableOutput(Output):
    """A table to write."""

    @classmethod
    def formats(cls) -> list[str]:
        """The formats of tables."""
        return list(_TABLES)

    @property
    def kind(self) -> str:
        """The format of the table."""
        return self.format or format_of_table(self.place)

    def with_format(self, default: str) -> TableOutput:
        """The same output, with a format if it is standard output."""
        return replace(self, format=default) if self.format is None and self.place == STANDARD else self

    def check(self, inputs: Iterable[Place | Source]) -> None:
        """Raise, before any work is done, if the table cannot be written or the inputs cannot be read."""
        super().check(inputs)
        if self.kind in _TABLES and name_of(self.place).lower().endswith(".gz"):
            raise ValueError(f"{self.place}: tables are written without gzip: leave out .gz")

    @contextmanager
    def staged(self, suffix: str = "") -> Iterator[Path]:
        """A temporary path for the table."""
        with super().staged(suffix or _TABLES[self.kind][0][0]) as path:
            yield path

    def write_table(self, table: Table, path: Path) -> None:
        """Write a table to a temporary path."""
        table.write(path, format=_TABLES[self.kind][1], overwrite=True)


def format_of_table(place: Place) -> str:
    """The format of a table by its name.

    Raises
    ------
    ValueError
        If the name does not end in a suffix of tables.
    """
    name = name_of(place).lower().removesuffix(".gz")
    for format, (suffixes, _) in _TABLES.items():
        if name.endswith(suffixes):
            return format
    known = ", ".join(suffix for suffixes, _ in _TABLES.values() for suffix in suffixes)
    raise ValueError(f"{place}: the name of a table must end in one of {known}")


def check_outputs(
    places: Sequence[Place],
    *,
    inputs: Sequence[Place] = (),
    overwrite: bool,
    text: bool = False,
    check_path: Callable[[Path], None] | None = None,
) -> None:
    """Raise, before any work is done, if a file cannot be written or is one of the inputs.

    Standard output may be a terminal for `text` only. `check_path` raises if something at a path cannot be replaced; by
    default, only files can be.
    """
    check_path = check_path or (lambda path: _check_file(path, overwrite))
    if STANDARD in places and sys.stdout.isatty() and not text:
        raise click.UsageError("- means standard output, which is a terminal: redirect it to a file or a pipe.")
    for i, place in enumerate(places):
        if place in places[:i]:
            raise ValueError(f"two outputs have the same name, {place}")
        if isinstance(place, Path):
            _check_path(place, [other for other in places[:i] if isinstance(other, Path)], inputs, check_path)


def _check_path(
    path: Path, others: Sequence[Path], inputs: Sequence[Place], check_path: Callable[[Path], None]
) -> None:
    for other in others:
        if path.resolve() == other.resolve() or _same(path, other):
            raise ValueError(f"two outputs have the same name, {path}")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the directory {path.parent} does not exist")
    for source in inputs:
        if isinstance(source, Path) and _same(path, source):
            raise ValueError(f"{path} is an input: give the output another name")
    check_path(path)
    if not os.access(path.resolve().parent, os.W_OK):
        raise ValueError(f"{path}: the directory {path.resolve().parent} is not writable")


def _check_file(path: Path, overwrite: bool) -> None:
    """Raise if a file cannot take its place at a path."""
    if path.is_dir():
        raise ValueError(f"{path} is a directory")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already: --overwrite replaces it")
    check_target(path, overwrite=overwrite)


def _same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, also through links and relative paths."""
    return path.exists() and other.exists() and path.samefile(other)


@contextmanager
def staged(places: Sequence[Place], *, overwrite: bool, suffix: str = ".fits") -> Iterator[dict[Place, Path]]:
    """Temporary paths for the outputs, which get their own places when the block ends without an error.

    The temporary name for standard output ends in `suffix`.
    """
    with tempfile.TemporaryDirectory(prefix="hpmask-") as folder:
        names = ["stdout" + suffix if place == STANDARD else name_of(place) for place in places]
        paths = {place: Path(folder) / str(i) / names[i] for i, place in enumerate(places)}
        for path in paths.values():
            path.parent.mkdir()
        yield paths
        for place, path in paths.items():
            with path.open("rb") as source, _replaced(place, overwrite) as file:
                shutil.copyfileobj(source, file, 1 << 20)


@contextmanager
def _replaced(place: Place, overwrite: bool) -> Iterator[IO[bytes]]:
    if place == STANDARD:
        file = sys.stdout.buffer
        yield file
        file.flush()
    elif isinstance(place, Path):
        with replacing(place, overwrite=overwrite) as file:
            yield file
    else:
        with written_to_url(place, overwrite=overwrite) as file:
            yield file


def name_of(place: Place) -> str:
    """The name of a file without its folder; that of standard input is ``-``."""
    return place if place == STANDARD else name_of_place(place)


def check_mask(place: Place) -> None:
    """Raise unless the name of a file gives a format of masks. Standard output is FITS."""
    known = tuple(suffix for one in io.formats.values() for suffix in one.suffixes)
    if place != STANDARD and not _ends(place, known):
        raise ValueError(f"{place}: the name of a mask file must end in one of {', '.join(known)}")


def check_image(place: Place, what: str = "FITS image") -> None:
    """Raise unless the name of a file is that of a FITS file. Standard output is one."""
    if place != STANDARD and not _ends(place, (".fits", ".fit", ".fts")):
        raise ValueError(f"{place}: the name of a {what} must end in .fits, .fit or .fts, with or without .gz")


def _ends(place: Place, suffixes: tuple[str, ...]) -> bool:
    return name_of(place).lower().removesuffix(".gz").endswith(suffixes)


def check_picture(place: Place) -> None:
    """Raise unless the name of a file gives a format of pictures that matplotlib can write."""
    need_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if place == STANDARD:
        raise ValueError("-: only hpmask plot writes a picture to standard output")
    if Path(name_of(place)).suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"{place}: the name of a picture must end in one of {', '.join('.' + one for one in known)}")
