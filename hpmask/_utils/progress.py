"""Progress bars. They are shown on request only."""

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
    """Yield the items, with a progress bar on the standard error stream if `shown`."""
    if not shown:
        yield from items
        return
    with _bar() as progress:
        yield from progress.track(items, total=total, description=what)


@contextmanager
def watched(done: Callable[[], int], *, total: int, what: str, shown: bool) -> Iterator[None]:
    """Show a progress bar while a ``with`` block runs, if `shown`; `done` returns how much of `total` is done."""
    if not shown:
        yield
        return
    end = Event()
    with _bar() as progress:
        task = progress.add_task(what, total=total)

        def update() -> None:
            while not end.wait(0.1):
                progress.update(task, completed=done())

        # The threads at work only write numbers: somebody has to look at these from time to time.
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
