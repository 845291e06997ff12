"""``hpmask build``: a mask from a recipe, with its pictures and cutouts."""

from __future__ import annotations

import time
from pathlib import Path

import click

from hpmask._utils.words import counted
from hpmask.cli.pictures import all_sky, field
from hpmask.cli.terminal import (
    areas,
    check_image,
    check_mask,
    check_outputs,
    check_picture,
    columns,
    kept,
    n_threads_option,
    one_of_both,
    order_option,
    overwrite_option,
    progress,
    resolution_option,
    staged,
)
from hpmask.mask import Mask
from hpmask.recipe import Part, Recipe, read_recipe
from hpmask.recipe.protocols import Invalid

__all__ = ["build"]


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Mask file to write.")
@click.option("--plot", type=click.Path(path_type=Path), help="Also draw the whole sky (.png, .pdf, .svg).")
@overwrite_option
@order_option("Order of the cells, instead of the one in the recipe [default: chosen, if the recipe has none].")
@resolution_option
@click.option(
    "--invalid",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    show_default=True,
    help="Rows and regions that cannot be used: an error, or left out. For entries without a key 'invalid'.",
)
@n_threads_option
@click.option("-q", "--quiet", is_flag=True, help="Print neither progress nor a summary.")
def build(
    recipe: Path,
    output: Path,
    plot: Path | None,
    overwrite: bool,
    order: int | None,
    resolution: str | None,
    invalid: Invalid,
    n_threads: int | None,
    quiet: bool,
) -> None:
    """Build the mask that RECIPE, a TOML file, describes.

    The cutouts of the recipe are written beside the mask. Either all files are written, or none.
    """
    start = time.perf_counter()
    one_of_both(order, resolution)
    plan = read_recipe(recipe, order=order, resolution=resolution, invalid=invalid)
    images = [output.parent / cutout.file for cutout in plan.cutouts if cutout.file is not None]
    pictures = [output.parent / cutout.plot for cutout in plan.cutouts if cutout.plot is not None]
    if plot is not None:
        pictures.insert(0, plot)
    outputs = [output, *images, *pictures]
    check_outputs(outputs, inputs=plan.files, overwrite=overwrite)
    check_mask(output)
    for image in images:
        check_image(image)
    for picture in pictures:
        check_picture(picture)

    steps = 1 + len(plan.entries) + len(outputs)
    with progress(steps, quiet=quiet) as begin, staged(outputs, overwrite=overwrite) as places:
        begin("order")
        plan = plan.resolve()
        parts = []
        for entry in plan.entries:
            begin(entry.name)
            parts.append(plan.part(entry, n_threads=n_threads))
        mask = plan.combine(parts)
        begin(output.name)
        mask.write(places[output])
        if plot is not None:
            begin(plot.name)
            all_sky(mask, places[plot], title=plan.title)
        for cutout in plan.cutouts:
            wcs, shape = cutout.wcs()
            if cutout.file is not None:
                begin(cutout.file)
                mask.write_wcs(places[output.parent / cutout.file], wcs, shape, n_threads=n_threads)
            if cutout.plot is not None:
                begin(cutout.plot)
                picture = places[output.parent / cutout.plot]
                field(mask, picture, wcs, shape, title=cutout.title)
    if not quiet:
        click.echo(_summary(plan, parts, mask, outputs, time.perf_counter() - start))


def _summary(plan: Recipe, parts: list[Part], mask: Mask, outputs: list[Path], seconds: float) -> str:
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
