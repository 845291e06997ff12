"""The work of a build on Dask: on the workers of a cluster, or on the processes or threads of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from multiprocessing import connection
from threading import Thread
from typing import Any

from hpmask._utils.arguments import as_count
from hpmask._utils.progress import watched
from hpmask._utils.words import shown

__all__ = ["Workers", "need_dask"]

# How often a task may fail with its worker, or the workers of this machine may die without a task done in between.
_RETRIES = 3


def need_dask() -> None:
    """Raise an ImportError that names the extra, unless Dask is installed."""
    try:
        import dask  # noqa: F401
    except ImportError as error:
        raise ImportError(f'hpmask.scale needs Dask: pip install "hpmask[dask]" ({error})') from error


class Workers:
    """Who does the work.

    Parameters
    ----------
    workers : int, `distributed.Client` or None
        A number of processes of this machine (1: this process), or a client of a cluster. By default the current client
        of dask.distributed if there is one, or else the scheduler in the configuration of Dask, or else a process for
        each processor.

    Attributes
    ----------
    client : `distributed.Client` or None
        The client of a cluster.
    number : int
        About how many tasks run at a time.
    n_threads : int or None
        The threads of a task, for hpmask.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError, ValueError
        If `workers` is something else.
    """

    def __init__(self, workers: Any = None) -> None:
        need_dask()
        import dask

        self.client = _client(workers)
        self.number, self.n_threads = 1, 1
        self._words: dict[str, Any] = {}
        self._pool: ProcessPoolExecutor | None = None
        if self.client is not None:
            self.number = max(1, sum(self.client.nthreads().values()))
            return
        if workers is None:
            scheduler = dask.config.get("scheduler", None)
            self.number = dask.config.get("num_workers", None) or dask.system.CPU_COUNT
        else:
            self.number = as_count(workers, "workers", least=1)
            scheduler = "synchronous" if self.number == 1 else "processes"
        if scheduler in ("synchronous", "sync", "single-threaded"):
            self.number, self.n_threads = 1, None  # type: ignore[assignment]
        self._words = {"scheduler": scheduler or "processes", "num_workers": self.number, "chunksize": 1}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def run(
        self,
        function: Callable[..., Any],
        tasks: Mapping[int, tuple[Any, ...]],
        *,
        is_done: Callable[[int], bool],
        what: str,
        progress: bool,
    ) -> None:
        """Call a function for each task. What it has to say must be in files: `is_done` looks for them.

        Parameters
        ----------
        function : callable
            Takes the arguments of a task.
        tasks : mapping of int to tuple
            The arguments of each task.
        is_done : callable
            ``is_done(number) -> bool``: whether the files of a task are there.
        what : str
            What is being done, for the progress bar.
        progress : bool
            Whether to show a progress bar.

        Raises
        ------
        Exception
            What the function raises first, or what Dask raises if workers die again and again.
        """
        from dask import delayed

        waiting = {number: arguments for number, arguments in tasks.items() if not is_done(number)}
        n_done = [len(tasks) - len(waiting)]
        call = delayed(function, pure=False)

        def tick() -> None:
            n_done[0] += 1

        with watched(lambda: n_done[0], total=len(tasks), what=what, shown=progress):
            tries = 0
            while waiting:
                before = len(waiting)
                calls = [call(*arguments) for arguments in waiting.values()]
                try:
                    return self._do(calls, tick)
                except BrokenProcessPool:
                    self._end()
                    # A process was killed, and all others ended with it. What they wrote is there.
                    waiting = {number: arguments for number, arguments in waiting.items() if not is_done(number)}
                    n_done[0] = len(tasks) - len(waiting)
                    tries = 0 if len(waiting) < before else tries + 1
                    if tries > _RETRIES:
                        raise
        return None

    def _do(self, calls: list[Any], tick: Callable[[], None]) -> None:
        """Do the calls, and call `tick` whenever one is done."""
        if self.client is None:
            import dask
            from dask.callbacks import Callback
            from dask.multiprocessing import get_context

            if self._words["scheduler"] == "processes" and self._pool is None:
                # One pool for all steps: to begin a process takes seconds.
                self._pool = ProcessPoolExecutor(self.number, mp_context=get_context(), initializer=_end_with_parent)
            keys = {call.key for call in calls}
            with Callback(posttask=lambda key, *_: tick() if key in keys else None):
                dask.compute(*calls, **self._words, pool=self._pool)
            return
        from distributed import as_completed

        futures = self.client.compute(calls, retries=_RETRIES)
        try:
            # Only what a task writes counts: its future is let go as soon as it is done.
            for future in as_completed(futures):
                future.result()
                future.release()
                tick()
        except BaseException:
            self.client.cancel(futures)
            raise


def _end_with_parent() -> None:
    """Let this process end when the one that began it was killed: otherwise it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            connection.wait([parent.sentinel])
            os.kill(os.getpid(), signal.SIGTERM)

        Thread(target=watch, daemon=True).start()


def _client(workers: Any) -> Any:
    """A client of dask.distributed, or None."""
    try:
        from distributed import Client, default_client
    except ImportError:
        return None
    if isinstance(workers, Client):
        return workers
    if workers is not None:
        if isinstance(workers, bool) or not hasattr(workers, "__index__"):
            raise TypeError(
                f"workers must be a number of processes or a client of dask.distributed, got {shown(workers)}"
            )
        return None
    try:
        return default_client()
    except ValueError:
        return None
