"""The description of a file format, for the registry of `hpmask.io`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpmask.core.value import MaskValue

__all__ = ["Format"]


def _never(start: bytes) -> bool:
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
        `ValueError` if the format cannot hold the mask.
    options : tuple of str, optional
        Names of keyword options of `hpmask.Mask.read` that `read` takes: some of "column", "hdu", "nest" and "frame".
        Those that the user gives are passed on, and no format without them reads the file. By default there are none.
    keeps_history : callable, optional
        ``keeps_history(start: bytes) -> bool``: whether a file that begins with these bytes records the history of
        its mask, so that it reads back as it was. By default no file does.
    write_options : tuple of str, optional
        Names of keyword options of `hpmask.Mask.write` that `write` takes: "simplify" or none, which is the default.

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
    write: Callable[..., None]
    options: tuple[str, ...] = ()
    keeps_history: Callable[[bytes], bool] = _never
    write_options: tuple[str, ...] = ()
