"""Commands that look up the rows of tables: ``filter`` and ``flag``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from astropy.table import Table

from hpmask._files.urls import Place, is_url
from hpmask._utils.words import counted
from hpmask.catalog import files as catalog
from hpmask.catalog.streams import RowCounts, filter_file, flag_file
from hpmask.cli.command import Command
from hpmask.cli.files import STANDARD, Source, TableOutput, check_inputs, format_of_table, local, table_suffix
from hpmask.cli.messages import is_shown
from hpmask.cli.options import INPUT, MASK, catalog_options, n_threads_option, output
from hpmask.mask import Mask
from hpmask.maskset import MaskSet

__all__ = ["filter_", "flag"]

# The formats of files that are read and written piece by piece.
_IN_PIECES = ("parquet", "fits")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        output(TableOutput, default="that of TABLE"),
        n_threads_option,
        click.option(
            "--invalid",
            type=click.Choice(["raise", "skip"]),
            default="raise",
            show_default=True,
            help="Rows whose position or energy is missing or not finite: an error, or not kept.",
        ),
        click.option("--energy-unit", help="Unit of the column of energies, if the table does not give it."),
        click.option("--energy", help="Energy of all rows, such as '30 GeV', or the column with their energies."),
        catalog_options,
        click.argument("table", type=INPUT),
        click.argument("mask", type=MASK),
    ):
        command = option(command)
    return command


@click.command(
    "filter",
    cls=Command,
    examples=[
        "hpmask filter footprint.fits catalog.csv inside.csv",
    ],
)
@_options
def filter_(mask: Source, table: Place, out: TableOutput, **options: Any) -> None:
    """Write the rows of TABLE that MASK keeps to the file OUT.

    Parquet files, folders of them, HATS catalogs and FITS tables are read and written piece by piece, and may be larger
    than memory: OUT is then of the same kind. Otherwise, TABLE and OUT are tables of any format.
    """

    def in_memory(kept: Mask, rows: Table, **where: Any) -> tuple[Table, RowCounts]:
        selected = kept.select(rows, **where)
        return selected, RowCounts(len(rows), len(selected))

    def line(counts: RowCounts) -> str:
        return f"{out.place}: {counts.n_kept} of {counts.n_rows} rows are kept"

    _run(mask, table, out, mask.mask, filter_file, in_memory, line, options)


@click.command(
    cls=Command,
    examples=[
        "hpmask flag stars.fits catalog.csv flagged.csv --column in_star",
    ],
)
@_options
@click.option("--column", help="Name of the new column [default: kept, or flags for a MASK with layers].")
@click.option("--per-layer", is_flag=True, help="A column for each layer, instead of one with their bits.")
def flag(mask: Source, table: Place, out: TableOutput, column: str | None, per_layer: bool, **options: Any) -> None:
    """Write TABLE with a new column to the file OUT: whether MASK keeps each row.

    For a MASK with layers, the column has a number for each row, in which layer k is bit k: 1 is kept. Of TABLE and
    OUT, the same holds as for hpmask filter.
    """
    if per_layer and column is not None:
        raise click.UsageError("--per-layer and --column exclude each other: the columns have the names of the layers.")

    def masks() -> Mask | MaskSet:
        layers = mask.layers()
        if list(layers) != [""]:
            return MaskSet(layers)
        if per_layer:
            raise click.UsageError("--per-layer is for a MASK with layers.")
        return layers[""]

    def in_memory(masks: Mask | MaskSet, rows: Table, **where: Any) -> tuple[Table, RowCounts]:
        n_rows = len(rows)
        if isinstance(masks, MaskSet) and not per_layer:
            rows = masks.flag(rows, column or "flags", **where)
            kept = rows.columns[-1] == masks.flag_of(*masks)
        else:
            layers = masks if isinstance(masks, MaskSet) else {column or "kept": masks}
            for name, one in layers.items():
                rows = one.flag(rows, name, **where)
            kept = np.all([rows[name] for name in layers], axis=0)
        return rows, RowCounts(n_rows, int(np.count_nonzero(kept)))

    by_file = functools.partial(flag_file, column=column, per_layer=per_layer)
    read = functools.cache(masks)

    def line(counts: RowCounts) -> str:
        by = "all layers" if isinstance(read(), MaskSet) else "the mask"
        return f"{out.place}: {counted(counts.n_rows, 'row')}, {counts.n_kept} of them kept by {by}"

    _run(mask, table, out, read, by_file, in_memory, line, options)


def _run(
    mask: Source,
    table: Place,
    out: TableOutput,
    masks: Callable[[], Any],
    by_file: Callable[..., RowCounts],
    in_memory: Callable[..., tuple[Table, RowCounts]],
    line: Callable[[RowCounts], str],
    options: dict[str, Any],
) -> None:
    """Ask the rows of a table piece by piece if the files allow it, and in memory otherwise."""
    check_inputs([mask, table])
    with local(table, table_suffix) as source:
        # Folders, patterns and catalogs by URL have no format in their name.
        known = format_of_table(source) if isinstance(source, Path) and source.is_file() else None
        if known is None and (isinstance(source, Path) or is_url(source)):
            if out.place == STANDARD:
                raise click.UsageError("OUT must be a folder, as TABLE is one or several files.")
            words = {"overwrite": out.overwrite, "progress": is_shown()}
            counts = by_file(masks(), source, out.place, **words, **options)
        else:
            out = out.with_format(known or "csv")
            out.check([mask, table])
            with out.staged() as path:
                if out.kind == known and known in _IN_PIECES and not source.name.endswith(".gz"):
                    counts = by_file(masks(), source, path, progress=is_shown(), **options)
                else:
                    rows = catalog.load(source, options["lon"], options["lat"])[0]
                    rows, counts = in_memory(masks(), rows, **options)
                    out.write_table(rows, path)
    out.print(
        {"file": str(out.place), "n_rows": counts.n_rows, "n_kept": counts.n_kept},
        [line(counts)],
    )
