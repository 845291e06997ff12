"""Commands that make one mask of others: ``union``, ``intersect``, ``minus`` and ``not``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from hpmask.cli.command import Command
from hpmask.cli.files import MaskOutput, Source
from hpmask.cli.options import MASK, mask_output
from hpmask.core.algebra import intersection_all, union_all
from hpmask.mask import Mask

__all__ = ["intersect", "minus", "not_", "union"]

_several = click.argument("masks", metavar="MASK...", type=MASK, nargs=-1, required=True)


def _all(sources: Iterable[Source]) -> list[Mask]:
    """The masks of some files, with all their layers."""
    return [mask for source in sources for mask in source.layers().values()]


@click.command(
    cls=Command,
    examples=[
        "hpmask union stars.fits galaxies.fits excluded.fits",
    ],
)
@_several
@mask_output
def union(masks: tuple[Source, ...], out: MaskOutput) -> None:
    """Write the union of masks to the file OUT: the sky that any MASK keeps.

    A file with layers stands for all of them; FILE::LAYER is one of them.
    """
    out.check(masks)
    out.write(union_all(_all(masks)))


@click.command(
    cls=Command,
    examples=[
        "hpmask intersect footprint.fits good.fits both.fits",
    ],
)
@_several
@mask_output
def intersect(masks: tuple[Source, ...], out: MaskOutput) -> None:
    """Write the intersection of masks to the file OUT: the sky that every MASK keeps.

    A file with layers stands for all of them; FILE::LAYER is one of them.
    """
    out.check(masks)
    out.write(intersection_all(_all(masks)))


@click.command(
    cls=Command,
    examples=[
        "hpmask minus footprint.fits stars.fits galaxies.fits good.fits",
        "hpmask minus footprint.fits survey.fits::star good.fits",
    ],
)
@click.argument("mask", type=MASK)
@click.argument("others", metavar="OTHER...", type=MASK, nargs=-1, required=True)
@mask_output
def minus(mask: Source, others: tuple[Source, ...], out: MaskOutput) -> None:
    """Write a mask without others to the file OUT: the sky that MASK keeps and no OTHER keeps.

    An OTHER with layers stands for all of them; FILE::LAYER is one of them.
    """
    out.check([mask, *others])
    out.write(mask.mask().difference(_all(others)))


@click.command(
    "not",
    cls=Command,
    examples=[
        "hpmask not good.fits bad.fits",
        "hpmask not - - < footprint.fits > outside.fits",
    ],
)
@click.argument("mask", type=MASK)
@mask_output
def not_(mask: Source, out: MaskOutput) -> None:
    """Write the complement of a mask to the file OUT: the sky that MASK excludes.

    Of a file with layers, all of them are written.
    """
    out.check([mask])
    out.write({name: ~one for name, one in mask.layers().items()})
