"""A target of the fuzzer: one door of hpmask, with what is put through it at first."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from fuzz import targets
from fuzz.mutators import Mutator

__all__ = ["CORPUS", "FINDINGS", "Target", "load", "names"]

_HERE = Path(__file__).parent
_DATA = Path(os.environ.get("HPMASK_TEST_DATA", _HERE.parents[1] / "shared" / "data"))

CORPUS, FINDINGS = _HERE / "corpus", _HERE / "findings"
"""The folders, with one for each target, of inputs that reach different code, and of inputs that once failed."""


@dataclass(frozen=True)
class Target:
    """One door. Its module in `fuzz.targets` has the functions and constants of the same names.

    Attributes
    ----------
    name : str
        Name of the module.
    one : callable
        ``one(data: bytes) -> None`` puts an input through the door. It raises `fuzz.checks.Fault`, or what the door
        raises, if the door does what it must not do.
    seeds : callable
        ``seeds() -> dict of str to bytes``: small valid inputs, made by hpmask or by another writer.
    words : tuple of bytes
        The dictionary of the fuzzer: words of the format.
    mutate : Mutator, optional
        The mutation that knows the structure of the inputs. By default, that of the fuzzer alone.
    largest : int
        The most bytes of an input.
    real : tuple of str
        Files of the test data that are seeds too, where these are there.
    """

    name: str
    one: Callable[[bytes], None]
    seeds: Callable[[], dict[str, bytes]]
    words: tuple[bytes, ...] = ()
    mutate: Mutator | None = None
    largest: int = 1 << 15
    real: tuple[str, ...] = ()

    def inputs(self, *, real: bool = False) -> Iterator[tuple[str, bytes]]:
        """The seeds, the corpus and the findings, each with a name; with `real`, also the real files."""
        yield from ((f"seed {name}", data) for name, data in self.seeds().items())
        for folder in (CORPUS, FINDINGS):
            yield from ((f"{folder.name}/{self.name}/{file.name}", file.read_bytes()) for file in self.files(folder))
        if real:
            for name in self.real:
                file = _DATA / name
                if file.exists() and file.stat().st_size <= self.largest:
                    yield f"file {name}", file.read_bytes()

    def files(self, folder: Path) -> list[Path]:
        """The files of this target in a folder that has a folder for each target."""
        own = folder / self.name
        return sorted(file for file in own.iterdir() if not file.name.startswith(".")) if own.is_dir() else []


def names() -> list[str]:
    """The names of all targets."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


@cache
def load(name: str) -> Target:
    """The target of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in names():
        raise ValueError(f"there is no target {name!r}, but {', '.join(names())}")
    module = importlib.import_module(f"fuzz.targets.{name}")
    return Target(
        name=name,
        one=module.one,
        seeds=cache(module.seeds),
        words=tuple(getattr(module, "WORDS", ())),
        mutate=cast("Mutator | None", getattr(module, "mutate", None)),
        largest=getattr(module, "LARGEST", Target.largest),
        real=tuple(getattr(module, "REAL", ())),
    )
