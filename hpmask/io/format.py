"""The description of a file format, for the registry of `hpmask.io`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpmask.core.value import MaskValue, check_within

__all__ = ["Footprint", "Format", "as_footprint", "cut"]

Footprint = Callable[[int, str], MaskValue]
"""The sky that is wanted of a file: ``footprint(order, frame)`` is a mask without energy of that order and frame."""


def as_footprint(within: MaskValue | Footprint) -> Footprint:
    """The sky that is wanted, as a function: a mask without energy bins in the frame of the file, or a function."""
    if not isinstance(within, MaskValue):
        return within
    if within.energy is not None:
        raise ValueError(
            f"within must be a mask without energy bins, got {within.energy}: use reduce() or one bin of it"
        )

    def footprint(order: int, frame: str) -> MaskValue:
        check_within(within, frame=frame, energy=None, of="mask in the file")
        return within

    return footprint


def cut(mask: MaskValue, footprint: Footprint | None) -> MaskValue:
    """A mask within the sky that is wanted."""
    return mask if footprint is None else mask & footprint(mask.order, mask.frame)


def _never(start: bytes) -> bool:
    """See `hpmask.io.Format`."""
    return False


def _no_folder(path: Path) -> bool:
    """See `hpmask.io.Format`."""
    return False


@dataclass(frozen=True)
class Format:
    """A file format for masks: its name, and the functions that recognize, read and write it.

    `hpmask.io.register` adds a format to those that `hpmask.Mask.read` and `hpmask.Mask.write` know. hpmask itself
    handles gzip, the replacement of the old file, and the name and digest in the history; the functions of a format
    see plain content.

    Parameters
    ----------
    name : str
        The name that users give as ``format=``.
    description : str
        One or two sentences: what the format is, and which masks it can hold.
    suffixes : tuple of str
        Endings of file names that mean this format, in lower case and without ``.gz``, such as ``(".fits", ".fit")``.
    matches : callable
        ``matches(start: bytes) -> bool``: whether a file that begins with these bytes looks like this format. `start`
        has up to 64 KiB.
    read : callable
        ``read(file, name: str) -> Mask``. `file` is open in binary mode at its beginning; it has ``read``,
        ``readinto`` and ``peek``, and ``seek`` only if ``file.seekable()``. `name` is the name of the file, for
        warnings. A `ValueError` that says what is wrong becomes a `hpmask.MaskFormatError` that begins with the path.
        Unless `keeps_history` says that the file records the whole history of the mask, hpmask puts
        ``read('name', sha256 ...)`` in place of the first line of the history, and keeps the lines below it as notes.
    write : callable
        ``write(mask, file) -> None``. `file` is open for writing in binary mode and need not be seekable. Raises a
        `ValueError` if the format cannot hold the mask. None if files of this format hold sets only, or are folders.
    options : tuple of str, optional
        Names of keyword options of `hpmask.Mask.read` that `read` takes: some of "column", "hdu", "nest", "frame" and
        "within". Those that the user gives are passed on, and no format without them reads the file, with the exception
        of "within". That is a function ``within(order, frame) -> Mask`` for the sky that is wanted: `read` may leave
        out what is outside, and hpmask cuts the mask to it. By default there are none.
    keeps_history : callable, optional
        ``keeps_history(start: bytes) -> bool``: whether a file that begins with these bytes records the history of
        its mask, so that it reads back as it was. By default no file does.
    write_options : tuple of str, optional
        Names of keyword options of `hpmask.Mask.write` that `write` takes: "simplify" or none, which is the default.
    read_set : callable, optional
        ``read_set(file, name: str) -> dict of str to Mask``: the layers of a file with several masks, in the order of
        their bits, for `hpmask.MaskSet.read`. It takes the options "within" and "frame" if they are in `options`. If
        the file has a single mask without a name, it raises a `ValueError`; and `read` does so for a file of layers.
    write_set : callable, optional
        ``write_set(layers: Mapping of str to Mask, file) -> None``, for `hpmask.MaskSet.write`.
    matches_folder : callable, optional
        ``matches_folder(path: pathlib.Path) -> bool``: whether a folder is one of this format. `read` and `read_set`
        then get the path of the folder in place of a file, and with ``overwrite=True`` a mask may replace the folder.
        By default no folder is.
    write_folder : callable, optional
        ``write_folder(mask, folder: pathlib.Path) -> None``: write into an empty folder, which takes its place when it
        is complete, for a path without one of the suffixes of files.
    write_set_folder : callable, optional
        As `write_folder`, for the layers of a set.

    Examples
    --------
    A format for plain lists of HEALPix cells of order 8, one number per line:

    >>> import tempfile
    >>> from hpmask import Mask, RangeSet, io
    >>> def read_cells(file, name):
    ...     numbers = [int(line) for line in file.read().splitlines()[1:]]
    ...     return Mask(RangeSet.from_cells(numbers, 8))
    >>> def write_cells(mask, file):
    ...     if mask.energy is not None or mask.frame != "icrs" or mask.order > 8:
    ...         raise ValueError("a list of cells holds masks of up to order 8, in ICRS and without energy bins")
    ...     numbers = mask.planes[0].cells(8)
    ...     file.write(b"# cells of order 8\\n" + b"".join(b"%d\\n" % number for number in numbers))
    >>> cells = io.Format(
    ...     name="cells",
    ...     description="Cell numbers of order 8, one per line. Masks without energy, in ICRS.",
    ...     suffixes=(".cells",),
    ...     matches=lambda start: start.startswith(b"# cells of order 8"),
    ...     read=read_cells,
    ...     write=write_cells,
    ... )
    >>> io.register(cells)
    >>> mask = Mask(RangeSet.from_cells([4, 5, 700], 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mask.write(f"{folder}/mask.cells")
    ...     Mask.read(f"{folder}/mask.cells") == mask
    True
    >>> io.unregister("cells")
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Callable[..., MaskValue]
    write: Callable[..., None] | None
    options: tuple[str, ...] = ()
    keeps_history: Callable[[bytes], bool] = _never
    write_options: tuple[str, ...] = ()
    read_set: Callable[..., dict[str, MaskValue]] | None = None
    write_set: Callable[..., None] | None = None
    matches_folder: Callable[[Path], bool] = _no_folder
    write_folder: Callable[..., None] | None = None
    write_set_folder: Callable[..., None] | None = None
