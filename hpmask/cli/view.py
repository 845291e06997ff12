"""The command ``view``: a page of masks for a browser."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from hpmask._files.urls import Place, name_of_place
from hpmask.cli.command import Command
from hpmask.cli.files import STANDARD, Source, check_inputs, check_outputs, staged
from hpmask.cli.messages import say
from hpmask.cli.options import MASK, OUTPUT, overwrite_option
from hpmask.mask import Mask
from hpmask.plotting.page import view as page_of

__all__ = ["view"]


@click.command(cls=Command, examples=["hpmask view stars.fits footprint.fits -o survey.html --no-open"])
@click.argument("masks", metavar="MASK...", type=MASK, nargs=-1, required=True)
@click.option("-o", "--output", type=OUTPUT, help="HTML file to write [default: a temporary file].")
@click.option("--open/--no-open", default=True, show_default=True, help="Whether to open the page in a browser.")
@click.option("--title", help="Title of the page [default: that of the mask, or the names of the files].")
@click.option(
    "--style",
    type=click.Choice(["exclusion", "footprint", "outline"]),
    help="What has colour: the excluded sky, the kept sky, or edges [default: as fits the masks].",
)
@click.option("--energy", help="Show the bin that contains this energy first, such as '30 GeV'.")
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), help="Coordinates [default: the first mask's].")
@click.option("--center", help="Middle of the map: '83.63 22.01' (degrees), '05h34m32s +22d00m52s' or '0 deg'.")
@click.option("--width", help="Width of the map, such as '10 deg' [default: the whole sky].")
@click.option("--background", help="Survey whose images are shown under the masks, such as CDS/P/DSS2/color.")
@click.option("--aladin", help="URL or file of Aladin Lite, which draws the background [default: a public server].")
@overwrite_option
def view(
    masks: tuple[Source, ...],
    output: Place | None,
    open: bool,
    title: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Open the masks of the files MASK in a browser: a map to pan, zoom and query.

    Each file, and each layer of a file with several, is a layer of the map. The page is one HTML file, which needs
    neither a server nor, without a --background, a network. Its name is printed.

    The options are those of Mask.view in Python.
    """
    for k, source in enumerate(masks):
        if source in masks[:k]:
            raise ValueError(f"{source} is given twice")
    inputs = check_inputs(masks)
    if output is not None:
        check_outputs([output], inputs=inputs, overwrite=overwrite)
    layers = _layers(masks)
    if title is None:
        titles = {mask.title for mask in layers.values()} if len(masks) == 1 else set()
        title = titles.pop() if len(titles) == 1 else None
        title = title or ", ".join(dict.fromkeys(_name(source) for source in masks))
    page = page_of(layers, title=title, open=False, **options)
    if output is not None:
        with staged([output], overwrite=overwrite, suffix=".html") as places:
            page.save(places[output])
        if output == STANDARD:
            return
        page.path = output.resolve() if isinstance(output, Path) else None
    say(str(output) if output is not None else os.fspath(page))
    if open and (output is None or page.path is not None) and not page.open():
        say("hpmask: no browser was found: open the file above in one", err=True)


def _layers(masks: Sequence[Source]) -> dict[str, Mask]:
    """All layers of the files by name. Names that would come twice begin with the name of their file."""
    found = [(source, name or source.layer, mask) for source in masks for name, mask in source.layers().items()]
    plain = [layer or _name(source) for source, layer, _ in found]
    full = [_name(source) if layer is None else f"{_name(source)}: {layer}" for source, layer, _ in found]
    names = [long if plain.count(short) > 1 else short for short, long in zip(plain, full, strict=True)]
    layers: dict[str, Mask] = {}
    for (source, layer, mask), name in zip(found, names, strict=True):
        if name in layers:
            name = str(source) if layer is None or source.layer is not None else f"{source}: {layer}"
        layers[name] = mask
    return layers


def _name(source: Source) -> str:
    """The name of a file without its folder and suffix."""
    if source.place == STANDARD:
        return "mask"
    name = name_of_place(source.place)
    return name.removesuffix(".gz").rpartition(".")[0] or name
