"""``hpmask build``: a mask from a recipe, with its pictures and cutouts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from hpmask._files.urls import Place
from hpmask._utils.words import counted
from hpmask.cli.command import Command
from hpmask.cli.files import MaskOutput, check_image, check_outputs, check_picture, name_of, staged
from hpmask.cli.messages import progress
from hpmask.cli.options import (
    INPUT,
    OUTPUT,
    mask_output,
    n_threads_option,
    one_of_both,
    order_option,
    resolution_option,
)
from hpmask.cli.pictures import all_sky, field
from hpmask.cli.report import areas, columns, facts_of_file, kept, note_histories
from hpmask.mask import Mask
from hpmask.recipe import Part, Recipe, read_recipe
from hpmask.recipe.folders import is_below
from hpmask.recipe.protocols import Invalid

__all__ = ["build"]


@click.command(
    cls=Command,
    examples=[
        "hpmask build recipe.toml mask.fits --plot sky.png",
        "hpmask build recipe.toml coarse.fits --order 8",
    ],
)
@click.argument("recipe", type=INPUT)
@click.option("--plot", type=OUTPUT, help="Also draw the whole sky (.png, .pdf, .svg).")
@order_option("Order of the cells, instead of the one in the recipe [default: chosen, if the recipe has none].")
@resolution_option
@click.option(
    "--invalid",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    show_default=True,
    help="Rows and regions that cannot be used: an error, or left out. For entries without a key 'invalid'.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Build catalogs in this number of processes, by Dask: for tables larger than memory. The mask is the same.",
)
@click.option(
    "--folder",
    "folders",
    multiple=True,
    metavar="DIRECTORY",
    type=click.Path(exists=True, file_okay=False),
    help="Also let the recipe read files in this directory and below it. May be repeated.",
)
@n_threads_option
@mask_output
def build(
    recipe: Place,
    out: MaskOutput,
    plot: Place | None,
    order: int | None,
    resolution: str | None,
    invalid: Invalid,
    workers: int | None,
    folders: tuple[str, ...],
    n_threads: int | None,
) -> None:
    """Build the mask that RECIPE, a TOML file, describes, and write it to the file OUT.

    The recipe reads files in its own directory and below it, and the cutouts are written in that of the mask. Either
    all files are written, or none.
    """
    start = time.perf_counter()
    one_of_both(order, resolution)
    if not isinstance(recipe, Path):
        raise click.UsageError(
            f"RECIPE must be a file of this machine, because its paths are relative to it, got {recipe}."
        )
    plan = read_recipe(recipe, order=order, resolution=resolution, invalid=invalid, folders=folders)
    folder = out.place.parent if isinstance(out.place, Path) else Path()
    images = [folder / cutout.file for cutout in plan.cutouts if cutout.file is not None]
    plots = [folder / cutout.plot for cutout in plan.cutouts if cutout.plot is not None]
    for path in (*images, *plots):
        # By a link, a recipe could write anywhere.
        if not is_below(path, folder):
            raise ValueError(f"{path} is a link out of the directory of the mask, and cutouts are written in it only")
    pictures: list[Place] = [*plots]
    if plot is not None:
        pictures.insert(0, plot)
    outputs: list[Place] = [out.place, *images, *pictures]
    out.check(plan.files)
    check_outputs(outputs, inputs=plan.files, overwrite=out.overwrite)
    for image in images:
        check_image(image)
    for picture in pictures:
        check_picture(picture)

    steps = 1 + len(plan.entries) + len(outputs)
    with progress(steps) as begin, staged(outputs, overwrite=out.overwrite) as places:
        begin("order")
        plan = plan.resolve()
        parts = []
        for entry in plan.entries:
            begin(entry.name)
            parts.append(plan.part(entry, n_threads=n_threads, workers=workers))
        mask = plan.combine(parts)
        begin(name_of(out.place))
        mask.write(places[out.place], format=out.format)
        if plot is not None:
            begin(name_of(plot))
            all_sky(mask, places[plot], title=plan.title)
        for cutout in plan.cutouts:
            wcs, shape = cutout.wcs()
            if cutout.file is not None:
                begin(cutout.file)
                mask.write_wcs(places[folder / cutout.file], wcs, shape, n_threads=n_threads)
            if cutout.plot is not None:
                begin(cutout.plot)
                field(mask, places[folder / cutout.plot], wcs, shape, title=cutout.title)
    note_histories(str(out.place), {"": mask})
    seconds = time.perf_counter() - start
    out.print(_facts(plan, parts, mask, outputs, seconds), [_summary(plan, parts, mask, outputs, seconds)])


def _facts(plan: Recipe, parts: list[Part], mask: Mask, outputs: list[Place], seconds: float) -> dict[str, Any]:
    return {
        **facts_of_file(str(outputs[0]), {"": mask}),
        "parts": [
            {
                "name": part.entry.name,
                "verb": part.entry.verb,
                "area_deg2": np.asarray(part.mask.area.value).tolist(),
                **part.counts,
            }
            for part in parts
        ],
        "files": [str(output) for output in outputs],
        "seconds": seconds,
    }


def _summary(plan: Recipe, parts: list[Part], mask: Mask, outputs: list[Place], seconds: float) -> str:
    rows = [["excluded" if part.entry.verb == "exclude" else "kept in", _of_part(part)] for part in parts]
    order = plan.order_text.replace("=", " ", 1)
    grid = f"{mask.frame}, {order}, {counted(mask.n_ranges, 'range')}"
    rows += [
        *kept(mask),
        ["cells", grid],
        ["wrote", ", ".join(map(str, outputs))],
        ["time", f"{seconds:.2f} s"],
    ]
    title = plan.title or plan.path.name
    return f"{title}\n{columns([['', *row] for row in rows])}"


def _of_part(part: Part) -> str:
    counts = part.counts
    words = [part.entry.name + ":"]
    if "sources" in counts:
        words.append(f"{counted(counts['sources'], 'source')},")
    if counts.get("missing"):
        words.append(f"{counts['missing']} of them without a size of their own,")
    if counts.get("skipped"):
        words.append(f"{counted(counts['skipped'], 'row')} left out,")
    return " ".join([*words, areas(part.mask)])
