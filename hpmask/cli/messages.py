"""What the commands say besides their results: ``--quiet``, ``--verbose``, notes, warnings and progress, on stderr.

What is said at which level is the same for all commands:

========  =========================================================================================================
quiet     errors only
normal    also warnings, one line on what was written (on stdout), and progress on a terminal
verbose   also what was read and written, the steps with their times, the history, and the number of threads
========  =========================================================================================================

The answers of commands that print, and JSON, are results: they are printed at all levels.
"""

from __future__ import annotations

import inspect
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = [
    "is_quiet",
    "is_shown",
    "is_verbose",
    "level_options",
    "note",
    "one_line",
    "printable",
    "progress",
    "result",
    "say",
    "show_warning",
    "timed",
]

# Unicode's categories of control and format characters, of halves of characters, and of ends of lines.
_CONTROLS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LEVEL = "hpmask.level"
_QUIET, _VERBOSE = "quiet", "verbose"


def _set_level(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    # The group and the command share what is set here.
    if value and ctx.meta.setdefault(_LEVEL, param.name) != param.name:
        raise click.UsageError("--quiet and --verbose exclude each other.", ctx)


def level_options() -> list[click.Parameter]:
    """The options ``--quiet`` and ``--verbose``, which the group and all commands have."""
    words = {
        _QUIET: "Print no messages but errors.",
        _VERBOSE: "Print what is read and written, times, the history and the number of threads.",
    }
    return [
        click.Option([f"-{name[0]}", f"--{name}"], is_flag=True, expose_value=False, callback=_set_level, help=text)
        for name, text in words.items()
    ]


def _level() -> str | None:
    ctx = click.get_current_context(silent=True)
    return None if ctx is None else ctx.meta.get(_LEVEL)


def is_quiet() -> bool:
    """Whether nothing but results and errors is to be printed."""
    return _level() == _QUIET


def is_verbose() -> bool:
    """Whether notes are printed."""
    return _level() == _VERBOSE


def is_shown() -> bool:
    """Whether progress is shown by a bar: on a terminal only."""
    return not is_quiet() and sys.stderr.isatty()


def one_line(text: str) -> str:
    """A text without line breaks, as `printable` makes it."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """A text whose control characters are escaped, such as ``\\x1b``; line breaks and tabs stay.

    Names, titles and histories are those of files from anywhere. A terminal obeys the control characters in them: it
    would rename its window, hide text, or write from right to left.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(one) if unicodedata.category(one) in _CONTROLS else one for one in text)


def _escaped(character: str) -> str:
    return character if character in "\n\t" else character.encode("unicode_escape").decode("ascii")


def say(text: str, *, err: bool = False) -> None:
    """Print a text for the reader on stdout or stderr, as `printable` makes it."""
    click.echo(printable(text), err=err)


def note(text: str) -> None:
    """Print a line on stderr if ``--verbose`` is given."""
    if is_verbose():
        click.echo(f"hpmask: {one_line(text)}", err=True)


def result(text: str) -> None:
    """Print a line on stdout about what was written, unless ``--quiet`` is given."""
    if not is_quiet():
        say(text)


def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning of hpmask as one line. Those of other libraries are notes, since they do not name our arguments.

    This takes the place of `warnings.showwarning`.
    """
    if is_quiet():
        return
    text = one_line(str(message))
    origin = _issuer()
    if origin == "hpmask":
        click.echo(f"hpmask: warning: {text}", err=True)
    else:
        note(f"{origin} warns: {text}")


def _issuer() -> str:
    """The name of the package whose code calls the warning that is shown now."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "warnings"):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]


@contextmanager
def timed(words: str) -> Iterator[None]:
    """Note what a block does and how long it takes."""
    start = time.perf_counter()
    yield
    note(f"{words}: {time.perf_counter() - start:.2f} s")


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show the progress of `total` steps on stderr: a bar on a terminal, or a line for each step if verbose.

    Yields a function that is to be called with a few words at the beginning of each step.
    """
    if is_verbose():
        last: list[tuple[str, float]] = []

        def ended() -> None:
            for words, start in last:
                note(f"{words}: {time.perf_counter() - start:.2f} s")

        def noted(words: str) -> None:
            ended()
            last[:] = [(words, time.perf_counter())]

        yield noted
        ended()
        return
    if not is_shown():
        yield lambda words: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total)
        started = 0

        def begin(words: str) -> None:
            nonlocal started
            bar.update(task, description=escape(printable(words)), completed=started)
            started += 1

        yield begin
