"""Progress bars, shown only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["track", "watched"]

T = TypeVar("T")


def track(items: Iterable[T], *, total: int, what: str, shown: bool) -> Iterator[T]:
    """Pass the items on, with a bar on the standard error stream if `shown`."""
    if not shown:
        yield from items
        return
    with _bar() as progress:
        yield from progress.track(items, total=total, description=what)


@contextmanager
def watched(done: Callable[[], int], *, total: int, what: str, shown: bool) -> Iterator[None]:
    """While a ``with`` block runs, show a bar of how much is `done()` if `shown`."""
    if not shown:
        yield
        return
    end = Event()
    with _bar() as progress:
        task = progress.add_task(what, total=total)

        def update() -> None:
            while not end.wait(0.1):
                progress.update(task, completed=done())

        # The threads that work write numbers, and nothing wakes up when they do.
        watcher = Thread(target=update, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            end.set()
            watcher.join()
            progress.update(task, completed=done())


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)
