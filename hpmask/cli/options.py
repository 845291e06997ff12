"""The arguments and options that commands share."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from astropy import units as u
from click.shell_completion import CompletionItem

from hpmask._files.urls import Place, as_place
from hpmask._utils.arguments import MAX_ORDER
from hpmask.cli.files import LAYER, STANDARD, MaskOutput, Output, Source
from hpmask.geometry.frames import FRAMES

if TYPE_CHECKING:
    # It is generic in new versions of click only.
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

__all__ = [
    "INPUT",
    "MASK",
    "OUTPUT",
    "catalog_options",
    "healpix_options",
    "json_option",
    "mask_output",
    "n_threads_option",
    "one_of_both",
    "order_option",
    "output",
    "overwrite_option",
    "quantities",
    "resolution_option",
]


class _File(_ParamType):
    """The name of a file: a path, a URL or ``-``. Shells complete paths."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if not value:
            self.fail("the name of a file must not be empty.", param, ctx)
        return self.place(value)

    def place(self, text: str) -> Any:
        return STANDARD if text == STANDARD else as_place(text)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]


def _split(text: str) -> tuple[str, str | None]:
    """The name of a file, and that of a layer in it. Both may have two colons, which also chain the schemes of URLs."""
    splits = [(text[: found.start()], text[found.end() :]) for found in re.finditer(LAYER, text)]
    splits = [(name, layer) for name, layer in splits if name and layer]
    if os.path.exists(text):
        return text, None
    for name, layer in splits:
        if name == STANDARD or os.path.exists(name):
            return name, layer
    # There is no such file here: the first two colons after the last slash.
    return next(((name, layer) for name, layer in splits if "/" not in layer), (text, None))


class _MaskFile(_File):
    """A mask file, or one layer of a file with several."""

    name = "mask"

    def place(self, text: str) -> Source:
        name, layer = _split(text)
        place: Place = super().place(name)
        return Source(place, layer)


INPUT = _File()
"""A file to read that is not a mask."""
MASK = _MaskFile()
"""A mask file to read, which becomes a `Source`."""
OUTPUT = _File()
"""A file to write."""

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
n_threads_option = click.option(
    "-j", "--n-threads", type=click.IntRange(min=1), help="Number of threads to use [default: all processors]."
)


def order_option(words: str, **options: Any) -> Callable[[Any], Any]:
    """The option ``--order`` of a command, with its help."""
    return click.option("--order", type=click.IntRange(0, MAX_ORDER), help=words, **options)


resolution_option = click.option(
    "--resolution",
    help="Use the coarsest order whose cells are no larger than this angle, such as '1 arcmin', instead of --order.",
)


def one_of_both(order: int | None, resolution: str | None) -> None:
    """Raise a UsageError if ``--order`` and ``--resolution`` are both given."""
    if order is not None and resolution is not None:
        raise click.UsageError("--order and --resolution exclude each other.")


def quantities(texts: tuple[str, ...], option: str) -> Any:
    """The values of an option that is given once or for each energy bin: None, a text, or a Quantity of several."""
    if len(texts) <= 1:
        return texts[0] if texts else None
    try:
        return u.Quantity([u.Quantity(text) for text in texts])
    except (TypeError, ValueError):
        raise click.UsageError(f"{option} must have numbers or quantities, got {', '.join(texts)}.") from None


def _decorated(command: Callable[..., Any], called: Callable[..., Any], options: list[Any]) -> Callable[..., Any]:
    called = functools.wraps(command)(called)
    for option in reversed(options):
        called = option(called)
    return called


def catalog_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command for the positions in a table: lon, lat and catalog_frame."""
    for option in (
        click.option("--catalog-frame", help="Frame of the positions, such as icrs, if the table does not give it."),
        click.option("--lat", help="Column of the table with the latitudes."),
        click.option("--lon", help="Column of the table with the longitudes [default: by its unit, UCD or name]."),
    ):
        command = option(command)
    return command


def healpix_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command for HEALPix maps in FITS files: column, HDU, numbering and frame.

    They come to the command as one argument `healpix`, a dict of arguments of `hpmask.io.read_map`.
    """

    def called(
        *args: Any, column: str | None, hdu: str | None, nest: bool | None, map_frame: str | None, **options: Any
    ) -> Any:
        number = int(column) if column is not None and column.isdigit() else column
        return command(*args, healpix={"column": number, "hdu": hdu, "nest": nest, "frame": map_frame}, **options)

    return _decorated(
        command,
        called,
        [
            click.option(
                "--column", help="Name or number of the column with the values, in a HEALPix map with several."
            ),
            click.option("--hdu", help="Number or name of the HDU, in a file with several."),
            click.option("--nest/--ring", default=None, help="Numbering of the cells, if the file does not give it."),
            click.option(
                "--map-frame", type=click.Choice(FRAMES), help="Frame of the cells, if the file does not give it."
            ),
        ],
    )


def output(kind: type[Output], *, formats: Sequence[str] | None = None, default: str = "fits") -> Callable[..., Any]:
    """The argument OUT of a command, the last of its arguments, and the options that belong to it.

    They come to the command as one argument `out`, an `Output` of a kind. `default` is the format of standard output.
    """

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, out: Place, format: str | None, overwrite: bool, as_json: bool, **options: Any) -> Any:
            target = kind(out, format=format, overwrite=overwrite, as_json=as_json)
            return command(*args, out=target, **options)

        words = f"Format of OUT, if it is not that of its name [default: {default}, if OUT is -]."
        return _decorated(
            command,
            called,
            [
                click.argument("out", metavar="OUT", type=OUTPUT),
                click.option("--format", type=click.Choice(formats or kind.formats()), help=words),
                json_option,
                overwrite_option,
            ],
        )

    return decorated


mask_output = output(MaskOutput)
"""The argument OUT of a command that writes a mask, and its options."""
