"""What the fuzzer finds: one small input for each kind of failure."""

from __future__ import annotations

import hashlib
import re
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import hpmask
from fuzz.checks import Fault

__all__ = ["Collector", "kind_of", "smaller"]

_PACKAGE = str(Path(hpmask.__file__).parent)
_MOST_TRIES = 2000


def kind_of(error: BaseException) -> str:
    """A name for the kind of a failure: the same for all inputs that fail in the same way at the same place."""
    if isinstance(error, Fault):
        return f"fault-{error.kind}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    # A limit strikes anywhere in a loop: what counts is the function.
    where = inside[-1] if inside else frames[-1]
    return f"{type(error).__name__}-{Path(where.filename).stem}-{where.name.strip('<>')}"


def smaller(data: bytes, fails: Callable[[bytes], bool], seconds: float = 20) -> bytes:
    """A shorter input that still fails: parts are left out, from halves down to single bytes."""
    end = time.monotonic() + seconds
    size = max(len(data) // 2, 1)
    tries = 0
    while True:
        at = 0
        while at < len(data):
            if tries >= _MOST_TRIES or time.monotonic() > end:
                return data
            tries += 1
            candidate = data[:at] + data[at + size :]
            if candidate and fails(candidate):
                data = candidate
            else:
                at += size
        if size == 1:
            return data
        size = max(size // 4, 1)


class Collector:
    """Puts inputs through a target and keeps one of each kind of failure, as short as it could be made."""

    def __init__(self, one: Callable[[bytes], None], folder: Path) -> None:
        self._one = one
        self._folder = folder
        self._known: set[str] = set()

    def __call__(self, data: bytes) -> str | None:
        """The kind of failure of an input, or None if it passes. A new kind is written to the folder."""
        error = self._error(data)
        if error is None:
            return None
        kind = kind_of(error)
        if kind not in self._known:
            self._known.add(kind)
            short = smaller(data, lambda one: self._kind(one) == kind)
            self._write(kind, short, self._error(short) or error)
        return kind

    def _kind(self, data: bytes) -> str | None:
        error = self._error(data)
        return None if error is None else kind_of(error)

    def _error(self, data: bytes) -> BaseException | None:
        try:
            self._one(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error
        return None

    def _write(self, kind: str, data: bytes, error: BaseException) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", f"{kind}-{hashlib.sha256(data).hexdigest()[:8]}")
        (self._folder / name).write_bytes(data)
        trace = "".join(traceback.format_exception(error))
        (self._folder / f".{name}.txt").write_text(trace[-8000:], encoding="utf-8")
