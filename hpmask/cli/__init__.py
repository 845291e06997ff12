"""The command ``hpmask``: build masks from recipes, inspect mask files and convert them.

Exit codes: 0 success, 1 an error in the input or of the system (one line on stderr), 2 wrong usage, 130 interrupted.
``hpmask query`` also has 3, for a position that is excluded. If HPMASK_DEBUG is set in the environment, errors come
with their traceback.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from typing import IO, Any

import click

from hpmask import __version__
from hpmask.cli.build import build
from hpmask.cli.look import info, plot, query
from hpmask.cli.values import credible, threshold
from hpmask.cli.write import convert, to_wcs

__all__ = ["main"]


# Python's arguments in the advice of errors.
_FLAGS = {
    "normalize=True": "--normalize",
    "density=True": "--density",
    "density=False": "--sums",
    "density is False": "--sums is given",
    "credible must": "--level must",
    "nest=True": "--nest",
    "nest=False": "--ring",
    "a threshold=": "a --threshold",
}
# What the commands that read a mask advise for a file that is not one.
_OTHER_COMMAND = (
    "use Mask.from_wcs",
    "make a mask of this map with Mask.from_map(path, threshold), where nan= says what becomes of missing values",
)
_OPTION = re.compile(r"\b(nan|keep|hdu|column|map-frame)=('[^']*'|\d+)")
# The argument `values` as the subject of a sentence.
_VALUES = re.compile(r"\bvalues(?=(\[\d+\])? (has|is|must)\b)")
_HDU = re.compile(r"\bhdu=('[^']*'|\d+)")


class _Failure(click.ClickException):
    """An error that is shown in one line."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"hpmask: {' '.join(self.message.split())}", err=True, file=file)


class _Interrupted(_Failure):
    exit_code = 130


class _Command(click.Group):
    """A group of commands that reports errors and warnings in one line each, on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                result = super().invoke(ctx)
                sys.stdout.flush()
                return result
            except KeyboardInterrupt:
                raise _Interrupted("interrupted") from None
            except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
                # When nobody reads the pipe any more, click ends quietly.
                quiet = isinstance(error, OSError) and error.errno == errno.EPIPE
                if quiet or os.environ.get("HPMASK_DEBUG"):
                    raise
                raise _Failure(f"error: {_by_options(_message(error), ctx.invoked_subcommand)}") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order in which they are used, not in that of the alphabet.
        return list(self.commands)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    return str(error) or type(error).__name__


def _by_options(text: str, command: str | None) -> str:
    """The message of an error, with the options of the command in place of Python's arguments."""
    if command == "build":
        return text.replace("With invalid='skip'", "With --invalid skip, or invalid = 'skip' in the entry,")
    for advice in _OTHER_COMMAND:
        text = text.replace(advice, "use hpmask threshold")
    if command in ("to-wcs", "plot"):
        return _HDU.sub(lambda found: f"--hdu {found[1]}", text)
    if command in ("threshold", "credible", "convert"):
        convert = "--frame icrs" if command != "credible" else "hpmask convert --frame icrs"
        text = text.replace("to_frame('icrs')", convert)
        for argument, option in _FLAGS.items():
            text = text.replace(argument, option)
        text = text.replace("frame='", "map-frame='")
        return _OPTION.sub(lambda found: f"--{found[1]} {found[2].strip(chr(39))}", _VALUES.sub("the map", text))
    return text


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"hpmask: warning: {' '.join(str(message).split())}", err=True)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hpmask", message="%(prog)s %(version)s")
def main() -> None:
    """Exact all-sky masks: build, inspect, draw and convert them."""


for _command in (build, threshold, credible, info, plot, query, to_wcs, convert):
    main.add_command(_command)
