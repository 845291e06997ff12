"""Commands that move the edge of a mask: ``dilate`` and ``erode``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from hpmask.cli.command import Command
from hpmask.cli.files import MaskOutput, Source
from hpmask.cli.options import MASK, mask_output, n_threads_option, quantities
from hpmask.mask import Mask
from hpmask.morphology.dilation import angles_of

__all__ = ["dilate", "erode"]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        mask_output,
        n_threads_option,
        click.option(
            "--connectivity",
            type=click.Choice(["8", "4"]),
            help="For --steps: cells are neighbours over edges and corners (8, the default), or over edges (4).",
        ),
        click.option(
            "--steps", type=click.IntRange(min=0), help="Number of steps to neighbouring cells, instead of --width."
        ),
        click.option(
            "--width",
            "widths",
            multiple=True,
            help="Angle such as '0.3 deg' or 20arcsec. Give one for each energy bin, or one for all.",
        ),
        click.argument("mask", type=MASK),
    ):
        command = option(command)
    return command


@click.command(
    cls=Command,
    examples=[
        'hpmask dilate stars.fits wider.fits --width "0.3 deg"',
        "hpmask dilate stars.fits - --width 0.3deg | hpmask minus footprint.fits - out.fits",
    ],
)
@_options
def dilate(mask: Source, out: MaskOutput, **options: Any) -> None:
    """Write the mask dilated by an angle to the file OUT: all cells within that angle of a cell that MASK keeps.

    Of a file with layers, all of them are written.
    """
    _change(Mask.dilate, mask, out, **options)


@click.command(
    cls=Command,
    examples=[
        "hpmask erode footprint.fits inner.fits --width 20arcmin",
    ],
)
@_options
def erode(mask: Source, out: MaskOutput, **options: Any) -> None:
    """Write the mask eroded by an angle to the file OUT: the kept cells farther than that from all that is excluded.

    An exclusion mask is eroded in order to exclude more. Of a file with layers, all of them are written.
    """
    _change(Mask.erode, mask, out, **options)


def _change(
    method: Callable[..., Mask],
    source: Source,
    out: MaskOutput,
    *,
    widths: tuple[str, ...],
    steps: int | None,
    connectivity: str | None,
    n_threads: int | None,
) -> None:
    if bool(widths) == (steps is not None):
        raise click.UsageError("Give either --width or --steps.")
    if connectivity is not None and steps is None:
        raise click.UsageError("--connectivity is for --steps.")
    for one in widths:
        angles_of(one, None, argument="--width")
    width = quantities(widths, "--width")
    out.check([source])
    out.write(
        {
            name: method(mask, width, steps=steps, connectivity=int(connectivity or 8), n_threads=n_threads)
            for name, mask in source.layers().items()
        }
    )
