"""Progress bars, shown only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["track"]

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, shown: bool) -> Iterator[T]:
    """Pass the items on, with a bar on the standard error stream if `shown`."""
    if not shown:
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total, description=what)
