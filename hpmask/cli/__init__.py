"""The command ``hpmask``: build masks from recipes, inspect mask files and convert them.

Exit codes: 0 success, 1 an error in the input or of the system (one line on stderr), 2 wrong usage, 130 interrupted.
``hpmask query`` also has 3, for a position that is excluded. If HPMASK_DEBUG is set in the environment, errors come
with their traceback.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click
from click.shell_completion import CompletionItem

from hpmask import __version__
from hpmask.cli.messages import level_options, one_line, show_warning

__all__ = ["main"]

# The commands in the order of the help: the module of each one, which is loaded when it is used, and its help there.
_COMMANDS = {
    "build": ("build", "Build the mask that a recipe describes."),
    "threshold": ("values", "Compare the values of a map with a threshold."),
    "credible": ("values", "Find the credible region of a sky map."),
    "union": ("algebra", "Unite masks: the sky that any of them keeps."),
    "intersect": ("algebra", "Intersect masks: the sky that all of them keep."),
    "minus": ("algebra", "Take masks away from a mask."),
    "not": ("algebra", "Exchange what is kept and what is excluded."),
    "dilate": ("grow", "Dilate a mask by an angle."),
    "erode": ("grow", "Erode a mask by an angle."),
    "convert": ("write", "Convert a mask to another format, order or frame."),
    "random": ("sky", "Draw random positions on the sky that is kept."),
    "fraction": ("sky", "Make a map of the fraction of each cell that is kept."),
    "filter": ("tables", "Take the rows of a table that are kept."),
    "flag": ("tables", "Add a column to a table: whether each row is kept."),
    "info": ("look", "Print the frame, order, energy bins, area and history of a mask."),
    "area": ("look", "Print the area that masks keep."),
    "query": ("look", "Print whether positions are kept."),
    "plot": ("look", "Draw a mask."),
    "view": ("view", "Open masks in a browser, to pan and zoom."),
    "to-wcs": ("write", "Write a mask on the pixels of a FITS image."),
}

# The most characters of an error.
_LONGEST = 4000

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
_UNIT = re.compile(r"\benergy_unit='(\w+)'")
# Arguments for tables that cannot be mistaken for other words.
_TABLE = re.compile(r"\b(energy_unit|catalog_frame)\b")
_TABLE_ADVICE = {
    "by energy=, or combine the bins with reduce('any') or reduce('all')": "by --energy, or combine the bins with "
    "hpmask convert --reduce any or --reduce all",
    "name them by lon and lat": "name them by --lon and --lat",
    "lon and lat must be": "--lon and --lat must be",
}
# An advice for tables in memory.
_SET_UNIT = re.compile(r": set its unit so that it can be read, for instance table\[.*?\]\.unit = '\w+' \(or '\w+'\)")
# What the commands that read a mask advise for a file that is not one.
_OTHER_COMMAND = (
    "use Mask.from_wcs",
    "make a mask of this map with Mask.from_map(path, threshold), where nan= says what becomes of missing values",
)
_OPTION = re.compile(r"\b(nan|keep|hdu|column|map-frame)=('[^']*'|\d+)")
# The argument `values` as the subject of a sentence.
_VALUES = re.compile(r"\bvalues(?=(\[\d+\])? (has|is|must)\b)")
# The temporary copy of standard input.
_STDIN = re.compile(r"[^\s']*hpmask-\w+[/\\]stdin[.\w]*")
_TO_FRAME = re.compile(r"to_frame\('(\w+)'(, order=\.\.\.)?\)")
_FOLDERS = re.compile(r"give folders=\['([^']*)'\]")
_HDU = re.compile(r"\bhdu=('[^']*'|\d+)")


# A group without a command shows its help; click before 8.2 has no error for that.
_ONLY_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())


class _Failure(click.ClickException):
    """An error that is shown in one line."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"hpmask: {one_line(self.message)}", err=True, file=file)


class _Interrupted(_Failure):
    exit_code = 130


class _WrongUsage(click.UsageError):
    """Wrong usage, which is shown in one line."""

    def show(self, file: IO[Any] | None = None) -> None:
        # Without the name of the program as it was called.
        command = "" if self.ctx is None else self.ctx.command_path.partition(" ")[2]
        text = f"hpmask: error: {one_line(self.format_message())} See {f'hpmask {command}'.strip()} --help."
        click.echo(text, err=True, file=file)


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if isinstance(error, _ONLY_HELP):
            raise
        raise _WrongUsage(error.format_message(), error.ctx) from error


class _Command(click.Group):
    """A group of commands that reports errors and warnings in one line each, on stderr.

    The modules of the commands are loaded when they are used, and neither for the help nor for tab completion.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{_COMMANDS[cmd_name][0]}")
        return next(one for one in vars(module).values() if isinstance(one, click.Command) and one.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=words) for name, (_, words) in _COMMANDS.items()]
        # The options, without those commands that a group finds in itself.
        return [one for one in names if one.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _usage_in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _usage_in_one_line(), warnings.catch_warnings():
            warnings.showwarning = show_warning
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
                # A message may quote a text of any length.
                text = _by_options(_message(error)[:_LONGEST], ctx.invoked_subcommand)
                raise _Failure(f"error: {text}") from error


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        # numpy's words, which end in the shape of an array.
        needed = re.search(r"(\d+(\.\d+)?)\.? ([KMGTPE]iB)", str(error))
        return f"not enough memory: {f'{needed[1]} {needed[3]} are needed' if needed else error}"
    return str(error) or type(error).__name__


def _by_options(text: str, command: str | None) -> str:
    """The message of an error, with the options of the command in place of Python's arguments."""
    text = _STDIN.sub("standard input", text).replace("overwrite=True replaces it", "--overwrite replaces it")
    text = text.replace("give another name, or overwrite=True", "give another --column")
    text = text.replace("give another column", "give another --column")
    text = _UNIT.sub(lambda found: f"--energy-unit {found[1]}", text)
    if command in ("query", "filter", "flag"):
        text = _TABLE.sub(lambda found: f"--{found[0].replace('_', '-')}", text)
        for advice, option in _TABLE_ADVICE.items():
            text = text.replace(advice, option)
    text = text.replace("read it with MaskSet.read, or one of them with layer=", "name one of them, as in FILE::LAYER")
    convert = "" if command in ("convert", "threshold") else "hpmask convert "
    text = _SET_UNIT.sub(", and no unit that says how to read it", text)
    text = _TO_FRAME.sub(lambda found: f"{convert}--frame {found[1]}", text)
    if command == "build":
        text = _FOLDERS.sub(lambda found: f"give --folder {shlex.quote(found[1])}", text)
        return text.replace("With invalid='skip'", "With --invalid skip, or invalid = 'skip' in the entry,")
    for advice in _OTHER_COMMAND:
        text = text.replace(advice, "use hpmask threshold")
    if command in ("to-wcs", "plot"):
        return _HDU.sub(lambda found: f"--hdu {found[1]}", text)
    if command in ("threshold", "credible", "convert"):
        text = text.replace("to make a mask of a MOC, use Mask.read", "a MOC is a mask already: use hpmask convert")
        for argument, option in _FLAGS.items():
            text = text.replace(argument, option)
        text = text.replace("frame='", "map-frame='")
        return _OPTION.sub(lambda found: f"--{found[1]} {found[2].strip(chr(39))}", _VALUES.sub("the map", text))
    return text


def _help_of_all(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(ctx.get_help())
    for name in _COMMANDS:
        command = main.get_command(ctx, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=ctx) as own:
            click.echo(f"\n\n{command.get_help(own)}")
    ctx.exit()


_HELP_OF_ALL = click.Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_help_of_all,
    help="Show the help of all commands and exit.",
)


@click.group(
    cls=_Command,
    params=[*level_options(), _HELP_OF_ALL],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="hpmask", message="%(prog)s %(version)s")
def main() -> None:
    """Exact all-sky masks: build, inspect, draw and convert them.

    Options of a command are listed by hpmask COMMAND --help, and those of all commands by hpmask --help-all.
    """
