"""Commands that fill the sky that is kept: ``random`` and ``fraction``."""

from __future__ import annotations

from typing import Any

import click
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack

from hpmask import io
from hpmask._utils.words import counted
from hpmask.cli.command import Command
from hpmask.cli.files import Output, Source, TableOutput, check_image
from hpmask.cli.messages import is_shown
from hpmask.cli.options import MASK, n_threads_option, order_option, output
from hpmask.mask import Mask

__all__ = ["fraction", "random"]

_COLUMNS = {"icrs": ("ra", "dec"), "galactic": ("l", "b")}


@click.command(
    cls=Command,
    examples=[
        "hpmask random footprint.fits randoms.parquet -n 10000 --seed 1",
        'hpmask random footprint.fits randoms.csv --density "20 deg-2" --seed 1',
    ],
)
@click.argument("mask", type=MASK)
@click.option("-n", "--n", type=click.IntRange(min=0), help="Number of positions; with energy bins, that in each bin.")
@click.option("--density", help="Number of positions per area, such as '1000 deg-2', instead of --n.")
@click.option("--poisson", is_flag=True, help="Draw the number from the Poisson distribution of the mean by --density.")
@click.option("--seed", type=click.IntRange(min=0), help="The same number gives the same positions.")
@n_threads_option
@output(TableOutput)
def random(
    mask: Source,
    out: TableOutput,
    n: int | None,
    density: str | None,
    poisson: bool,
    seed: int | None,
    n_threads: int | None,
) -> None:
    """Write random positions, distributed uniformly over the sky that MASK keeps, to the table OUT.

    The columns are ra and dec in degrees (l and b in the Galactic frame), and bin for a mask with energy bins. Parquet
    files are written piece by piece, and may be larger than memory.
    """
    if (n is None) == (density is None):
        raise click.UsageError("Give either -n or --density.")
    out = out.with_format("fits")
    out.check([mask])
    value = mask.mask()
    options: dict[str, Any] = {"density": density, "poisson": poisson, "seed": seed, "n_threads": n_threads}
    with out.staged() as path:
        if out.kind == "parquet":
            numbers = value.write_randoms(path, n, progress=is_shown(), **options)
        else:
            table = _table(value, value.random(n, **options))
            numbers = table.meta.pop("numbers")
            out.write_table(table, path)
    out.print(
        {"file": str(out.place), "frame": value.frame, "seed": seed, "numbers": numbers},
        [f"{out.place}: {counted(sum(numbers), 'position')}"],
    )


def _table(mask: Mask, positions: Any) -> Table:
    """Positions as a table, with the number of rows of each bin in its metadata."""
    bins: list[SkyCoord] = [positions] if mask.energy is None else list(positions)
    parts = []
    for k, some in enumerate(bins):
        angles = some.spherical
        part = Table([angles.lon.to(u.deg), angles.lat.to(u.deg)], names=_COLUMNS[mask.frame])
        if mask.energy is not None:
            part["bin"] = [k] * len(some)
        parts.append(part)
    table = vstack(parts)
    table.meta["numbers"] = [len(part) for part in parts]
    return table


@click.command(
    cls=Command,
    examples=[
        "hpmask fraction footprint.fits fractions.fits --order 5",
    ],
)
@click.argument("mask", type=MASK)
@order_option("Order of the cells.", required=True)
@click.option("--full", is_flag=True, help="Write all cells, with 0 where nothing is kept.")
@output(Output, formats=("fits",))
def fraction(mask: Source, out: Output, order: int, full: bool) -> None:
    """Write the fraction of each cell that MASK keeps to the file OUT, a HEALPix map.

    OUT is a FITS file, which healpy and others read. Energy bins are columns.
    """
    out.check([mask])
    check_image(out.place, "HEALPix map")
    map_ = mask.mask().fraction(order, full=full)
    with out.staged() as path:
        io.write_map(map_, path)
    n_cells = map_.values.shape[-1]
    out.print(
        {"file": str(out.place), "order": order, "frame": map_.frame, "n_cells": n_cells},
        [f"{out.place}: {counted(n_cells, 'cell')} of order {order}"],
    )
