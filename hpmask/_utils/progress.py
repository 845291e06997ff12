"""Progress bars, shown only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["track", "watch"]

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, shown: bool) -> Iterator[T]:
    """Pass the items on, with a bar on the standard error stream if `shown`."""
    if not shown:
        yield from items
        return
    with _bar() as progress:
        yield from progress.track(items, total=total, description=what)


def watch(futures: Sequence[Future[Any]], done: Callable[[], int], *, total: int, what: str, shown: bool) -> None:
    """Wait for work on other threads, with a bar of how much of it is done if `shown`."""
    if not shown:
        wait(futures)
        return
    with _bar() as progress:
        task = progress.add_task(what, total=total)
        while wait(futures, timeout=0.1).not_done:
            progress.update(task, completed=done())


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)
