"""What is true of every file that is read, whatever is in it.

A door either refuses a file, with one of its documented errors and a message that names the file, or it returns a
valid mask, which reads back equal after it was written. Everything else is a `Fault`.
"""

from __future__ import annotations

import atexit
import io
import shutil
import socket
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import numpy as np

import hpmask
from fuzz.limits import bounded
from hpmask import Mask, MaskFormatError, MaskSet, RangeSet

__all__ = [
    "Fault",
    "answers",
    "as_file",
    "as_folder",
    "check_mask",
    "check_plane",
    "check_round_trip",
    "check_set",
    "check_set_round_trip",
    "equal",
    "outcome",
    "same_sky",
]

T = TypeVar("T")

answers: deque[str] = deque(maxlen=100)
"""What doors have said to their last inputs: the messages of refusals, and the types of results."""

_LONGEST_MESSAGE = 1500
_SKY = 12 << 58
# Warnings of numpy and of Python about what the code does, and not about the file.
_OF_THE_CODE = (RuntimeWarning, DeprecationWarning, SyntaxWarning, ResourceWarning, BytesWarning)


class Fault(AssertionError):
    """A door did something that it must not do. `kind` is the same for all inputs that show the same fault."""

    def __init__(self, kind: str, details: str) -> None:
        super().__init__(f"{kind}: {details}")
        self.kind = kind


def _scratch() -> Path:
    # In memory where that is possible: a file is written for each input.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hpmask-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


_folder: Path | None = None


def as_file(data: bytes, name: str) -> Path:
    """A file with this content and name. The next one of the same name takes its place."""
    global _folder
    if _folder is None:
        _folder = _scratch()
    path = _folder / name
    path.write_bytes(data)
    return path


def outcome(
    call: Callable[[], T], path: Path | None, errors: tuple[type[Exception], ...] = (MaskFormatError,), name: str = ""
) -> T | None:
    """What a door returns, within the limits of time and memory; None if it refuses the file as documented.

    Parameters
    ----------
    call : callable
        The call of the door.
    path : path, optional
        The file. The message of an error must begin with the path. None for a door without a file.
    errors : tuple of types
        The documented errors, and what hpmask derives from them.
    name : str, optional
        What the message may contain, instead of beginning with the path.

    Raises
    ------
    Fault
        If the message is not as it must be.
    Exception
        What the door raises, if it is not one of its documented errors; MemoryError and `OutOfProportion` included.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for category in _OF_THE_CODE:
            warnings.simplefilter("error", category)
        try:
            with bounded(), _offline():
                result = call()
        except errors as error:
            # What other packages derive from a ValueError, such as a UnicodeDecodeError, is not what is documented.
            if type(error) not in errors and not type(error).__module__.startswith("hpmask."):
                raise
            message = str(error)
            answers.append(message)
        else:
            answers.append(f"accepted: {type(result).__name__}")
            return result
    if len(message) > _LONGEST_MESSAGE:
        raise Fault("long-message", f"{len(message)} characters: {message[:200]}")
    if path is not None and not message.startswith(f"{path}: ") and not (name and name in message):
        raise Fault(
            "no-path", f"the message does not begin with the path{f' or name {name!r}' * bool(name)}: {message!r}"
        )
    if "\x00" in message or "\x1b" in message:
        raise Fault("raw-message", f"the message has characters that control a terminal: {message!r}")
    return None


def as_folder(files: Mapping[str, bytes], name: str) -> Path:
    """A folder with these files. The next one of the same name takes its place."""
    folder = as_file(b"", ".start").with_name(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file, content in files.items():
        path = folder / file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            # One name is that of a file and that of a folder: the first one stays.
            continue
    return folder


@contextmanager
def _offline() -> Iterator[None]:
    """Raise a `Fault` if a connection is tried, also where the code catches what that raises."""
    tried: list[Any] = []

    def refused(*where: Any, **options: Any) -> None:
        tried.append(where[-1] if isinstance(where[0], socket.socket) else where)
        raise ConnectionRefusedError("no network in the fuzzer")

    with mock.patch.object(socket.socket, "connect", refused), mock.patch.object(socket, "getaddrinfo", refused):
        try:
            yield
        finally:
            if tried:
                raise Fault("network", f"a connection was tried: {tried[0]!r}")


def check_plane(plane: RangeSet, order: int) -> None:
    """Raise a `Fault` if a plane is not a valid set of ranges."""
    boundaries = plane.boundaries
    if not 0 <= plane.order <= 29 or plane.order > order:
        raise Fault("order", f"a plane of order {plane.order} in a mask of order {order}")
    if boundaries.dtype != np.uint64 or boundaries.ndim != 1 or boundaries.size % 2:
        raise Fault("boundaries", f"{boundaries.dtype}, shape {boundaries.shape}")
    if not (boundaries[1:] > boundaries[:-1]).all():
        raise Fault("not-sorted", "ranges are not sorted and disjoint")
    if boundaries.size and int(boundaries[-1]) > _SKY:
        raise Fault("outside", f"a range ends at {boundaries[-1]}, beyond the sky")
    if (boundaries & np.uint64((1 << 2 * (29 - plane.order)) - 1)).any():
        raise Fault("not-aligned", f"a range begins or ends within a cell of order {plane.order}")


def check_mask(mask: Mask) -> None:
    """Raise a `Fault` if a mask is not a valid one."""
    if not isinstance(mask, Mask):
        raise Fault("no-mask", type(mask).__name__)
    n_planes = 1 if mask.energy is None else mask.energy.n_bins
    if len(mask.planes) != n_planes:
        raise Fault("n-planes", f"{len(mask.planes)} planes for {n_planes} bins")
    for plane in {id(plane): plane for plane in mask.planes}.values():
        check_plane(plane, mask.order)
    if mask.frame not in ("icrs", "galactic"):
        raise Fault("frame", repr(mask.frame))
    if mask.energy is not None:
        edges = mask.energy.edges.value
        if not (np.isfinite(edges).all() and (edges > 0).all()):
            raise Fault("edges", f"{edges}")
        steps = np.diff(edges)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise Fault("edges", f"not monotonic: {edges}")
    if not isinstance(mask.history, str):
        raise Fault("history", repr(mask.history))
    # Whatever is in the history and in the names can be shown.
    repr(mask)


def check_set(masks: MaskSet) -> None:
    """Raise a `Fault` if a set of masks is not a valid one."""
    for name in masks:
        if not isinstance(name, str) or not name:
            raise Fault("name", repr(name))
        check_mask(masks[name])
    repr(masks)


def check_round_trip(mask: Mask, formats: tuple[str, ...] = ("fits",), *, history: bool = True) -> None:
    """Raise a `Fault` if a mask does not read back equal after it was written."""
    plain = mask.energy is None and mask.frame == "icrs"
    for name in formats:
        if name in ("ascii", "json") and not plain:
            continue
        file = io.BytesIO()
        try:
            mask.write(file, format=name)
        except ValueError as error:
            # The only documented ones for masks that a file can give.
            if "cannot be read back" in str(error) or "cards" in str(error):
                continue
            raise
        again = Mask.read(as_file(file.getvalue(), f"again.{name}"), format=name)
        equal(mask, again, f"written as {name}")
        if history and name in ("fits", "parquet") and again.history != mask.history:
            raise Fault("history", f"{mask.history!r} is read back from {name} as {again.history!r}")


def check_set_round_trip(masks: MaskSet, formats: tuple[str, ...] = ("fits",)) -> None:
    """Raise a `Fault` if a set of masks does not read back equal after it was written."""
    for name in formats:
        file = io.BytesIO()
        try:
            masks.write(file, format=name)
        except ValueError as error:
            if "cannot be read back" in str(error) or "cards" in str(error):
                continue
            raise
        again = MaskSet.read(as_file(file.getvalue(), f"set.{name}"), format=name)
        if list(again) != list(masks):
            raise Fault("names", f"{list(masks)} are read back as {list(again)}")
        for layer in masks:
            equal(masks[layer], again[layer], f"layer {layer!r}, written as {name}")


def equal(a: Mask, b: Mask, what: str) -> None:
    """Raise a `Fault` if two masks differ."""
    if a != b or a.order != b.order or a.frame != b.frame:
        raise Fault("differs", f"{what}: {a!r} and {b!r}")


def same_sky(mask: Mask, ranges: Any, reader: str) -> None:
    """Raise a `Fault` if another reader gives other ranges of order 29."""
    found = hpmask.RangeSet.from_ranges(np.asarray(ranges, np.uint64).reshape(-1, 2), 29)
    if not np.array_equal(found.boundaries, mask.planes[0].boundaries):
        raise Fault(
            f"differs-from-{reader}",
            f"{mask.planes[0].n_ranges} ranges, {mask.planes[0].sky_fraction} of the sky; {reader} gives "
            f"{found.n_ranges} ranges, {found.sky_fraction} of the sky",
        )
