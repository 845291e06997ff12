"""Commands that make masks from values: ``threshold`` and ``credible``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from hpmask import io
from hpmask._files.urls import Place
from hpmask._utils.arguments import CLOSED
from hpmask._utils.modes import MODES, Mode
from hpmask.cli import pictures
from hpmask.cli.command import Command
from hpmask.cli.files import MaskOutput, check_outputs, check_picture, local_image, name_of, staged
from hpmask.cli.options import (
    INPUT,
    OUTPUT,
    healpix_options,
    mask_output,
    n_threads_option,
    one_of_both,
    order_option,
    quantities,
    resolution_option,
)
from hpmask.cli.report import echo_json, facts_of_file
from hpmask.geometry.frames import FRAMES
from hpmask.geometry.healpix import order_of
from hpmask.interop.maps import kind_of
from hpmask.mask import Mask
from hpmask.morphology.dilation import angles_of
from hpmask.values.credible import CROSSING, Crossing, as_levels
from hpmask.values.criterion import KEEP, NAN, Keep

__all__ = ["credible", "threshold"]

_LEVEL = "{level}"
_NAMES = {"column": "--column", "nest": "--nest or --ring", "frame": "--map-frame"}


@click.command(
    cls=Command,
    examples=[
        "hpmask threshold sqrt_ts.fits region.fits --low 3 --high 5 --nan exclude",
        'hpmask threshold exposure.fits mask.fits --threshold "1e11 cm2 s" --keep ">="',
    ],
)
@click.argument("map_", metavar="MAP", type=INPUT)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    help="Value that the map is compared with: a number in the unit of the map, or a quantity such as '1e11 cm2 s'. "
    "Give two for --keep between and outside, or one for each energy bin. Without one, the map must have 0 and 1.",
)
@click.option(
    "--low",
    multiple=True,
    help="Low threshold of hysteresis: the region is what is above it and connected to a value above --high.",
)
@click.option("--high", multiple=True, help="High threshold of hysteresis.")
@click.option(
    "--keep",
    type=click.Choice(KEEP),
    default=">",
    show_default=True,
    help="Which values are kept. For hysteresis, '>' keeps the region and '<' the rest.",
)
@click.option(
    "--closed",
    type=click.Choice(CLOSED),
    default="left",
    show_default=True,
    help="Which ends belong to the interval of --keep between and outside.",
)
@click.option(
    "--nan",
    type=click.Choice(NAN),
    default="raise",
    show_default=True,
    help="Values that are NaN or UNSEEN: an error, kept or excluded.",
)
@click.option(
    "--connectivity",
    type=click.Choice(["8", "4"]),
    default="8",
    show_default=True,
    help="For hysteresis: cells or pixels are connected over edges and corners (8), or over edges (4).",
)
@click.option("--invert", is_flag=True, help="Keep the opposite; for a map of 0 and 1 in which 1 means excluded.")
@click.option("--outside", is_flag=True, help="Keep the sky without a cell or a pixel.")
@healpix_options
@order_option("Order of the mask [default: that of the map; for an image, cells of half a pixel].")
@resolution_option
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="center",
    show_default=True,
    help="Which cells of an image, or of an order coarser than that of the map, are kept: those whose centre is kept, "
    "those that overlap what is kept, or those inside it.",
)
@click.option(
    "--frame", type=click.Choice(FRAMES), help="Frame of the mask [default: that of a HEALPix map; icrs for an image]."
)
@click.option("--dilate", help="Then dilate the mask, which is what is kept, by this angle, such as '0.1 deg'.")
@click.option("--erode", help="Then erode the mask by this angle, to exclude more.")
@click.option("--plot", type=OUTPUT, help="Also draw the whole sky (.png, .pdf, .svg).")
@n_threads_option
@mask_output
def threshold(
    map_: Place,
    out: MaskOutput,
    thresholds: tuple[str, ...],
    low: tuple[str, ...],
    high: tuple[str, ...],
    keep: Keep,
    connectivity: str,
    healpix: dict[str, Any],
    frame: str | None,
    order: int | None,
    resolution: str | None,
    mode: Mode,
    dilate: str | None,
    erode: str | None,
    plot: Place | None,
    n_threads: int | None,
    **options: Any,
) -> None:
    """Compare the values of MAP with a threshold.

    The mask keeps the values that are above the threshold, or fulfil another condition, and is written to the file OUT.
    MAP is a HEALPix map in a FITS file, or a FITS image. The options are those of Mask.from_map in Python.
    """
    one_of_both(order, resolution)
    if dilate is not None and erode is not None:
        raise click.UsageError("--dilate and --erode exclude each other.")
    pair = keep in ("between", "outside")
    if pair and len(thresholds) != 2:
        raise click.UsageError(f"--keep {keep} needs --threshold twice, for the two ends of the interval.")
    for option, width in (("--dilate", dilate), ("--erode", erode)):
        if width is not None:
            angles_of(width, None, argument=option)
    if resolution is not None:
        order = order_of(resolution)
    outputs = [out.place] if plot is None else [out.place, plot]
    _check([out], outputs[1:], inputs=[map_])
    with local_image(map_) as path:
        values, words = _opened(path, healpix, frame)
        mask = Mask.from_map(
            values,
            thresholds if pair else quantities(thresholds, "--threshold"),
            low=quantities(low, "--low"),
            high=quantities(high, "--high"),
            keep=keep,
            connectivity=int(connectivity),
            order=order,
            mode=mode,
            n_threads=n_threads,
            **words,
            **options,
        )
    if dilate is not None:
        mask = mask.dilate(dilate, n_threads=n_threads)
    if erode is not None:
        mask = mask.erode(erode, n_threads=n_threads)
    with staged(outputs, overwrite=out.overwrite) as places:
        mask.write(places[out.place], format=out.format)
        if plot is not None:
            pictures.all_sky(mask, places[plot], title=name_of(map_))
    out.report(mask)


def _opened(path: Place, healpix: dict[str, Any], frame: str | None) -> tuple[Any, dict[str, Any]]:
    """What `Mask.from_map` takes for a file: a path or the map in it, and options."""
    kind = kind_of(path, healpix["hdu"])
    if kind == "healpix":
        return io.read_map(path, **healpix), {"frame": frame}
    names = ["column", "nest"] + ["frame"] * (kind == "image")
    unused = [_NAMES[name] for name in names if healpix[name] is not None]
    if unused:
        what = "an image" if kind == "image" else "a map of healsparse"
        raise click.UsageError(f"{unused[0]} is for HEALPix maps, and the file has {what}.")
    if kind == "image":
        return path, {"hdu": healpix["hdu"], "frame": frame}
    if frame not in (None, healpix["frame"]):
        raise click.UsageError("--frame cannot convert a file of healsparse: use hpmask convert afterwards.")
    return path, {"hdu": healpix["hdu"], "frame": healpix["frame"]}


def _check(masks: list[MaskOutput], plots: list[Place], *, inputs: list[Place]) -> None:
    """Raise, before any work is done, if an output cannot be written."""
    for out in masks:
        out.check(inputs)
    check_outputs([*(out.place for out in masks), *plots], inputs=inputs, overwrite=masks[0].overwrite)
    for path in plots:
        check_picture(path)


@click.command(
    cls=Command,
    examples=[
        "hpmask credible bayestar.multiorder.fits region.fits --level 0.9",
        'hpmask credible bayestar.multiorder.fits "region_{level}.fits" --level 0.5 --level 0.9 '
        '--plot "region_{level}.png"',
    ],
)
@click.argument("skymap", type=INPUT)
@click.option(
    "--level",
    "levels",
    type=float,
    multiple=True,
    default=[0.9],
    show_default=True,
    help="Probability that the region holds, above 0 and at most 1. Give it several times for several regions.",
)
@click.option(
    "--crossing",
    type=click.Choice(CROSSING),
    default="include",
    show_default=True,
    help="The cell at which the sum of the probability crosses the level: it belongs to the region, it does not, or it "
    "is split.",
)
@click.option("--normalize", is_flag=True, help="Levels are fractions of the sum of the map, which need not be 1.")
@click.option(
    "--density/--sums",
    default=None,
    help="Whether the values are densities per sr or sums over the cells [default: their unit and the name of the "
    "column decide].",
)
@healpix_options
@click.option("--plot", type=OUTPUT, help="Also draw the whole sky (.png, .pdf, .svg).")
@n_threads_option
@mask_output
def credible(
    skymap: Place,
    out: MaskOutput,
    levels: tuple[float, ...],
    crossing: Crossing,
    normalize: bool,
    density: bool | None,
    healpix: dict[str, Any],
    plot: Place | None,
    n_threads: int | None,
) -> None:
    """Find the credible region of SKYMAP.

    The mask keeps the cells of highest probability density that hold the level together, and is written to the file
    OUT. SKYMAP is a HEALPix map of probability in a FITS file, flat or multi-order.

    The names of OUT and of the picture may have {level}, and must have it for several levels: region_{level}.fits
    stands for region_0.5.fits and region_0.9.fits.
    """
    if len(levels) > 1 and any(place is not None and _LEVEL not in name_of(place) for place in (out.place, plot)):
        raise click.UsageError(
            "Several levels need several files: put {level} into the name, as in region_{level}.fits."
        )
    as_levels(levels)
    masks = [replace(out, place=_named(out.place, level)) for level in levels]
    plots = [] if plot is None else [_named(plot, level) for level in levels]
    _check(masks, plots, inputs=[skymap])
    with local_image(skymap) as path:
        regions = Mask.from_skymap(
            io.read_map(path, **healpix),
            list(levels),
            crossing=crossing,
            normalize=normalize,
            density=density,
            n_threads=n_threads,
        )
    with staged([*(one.place for one in masks), *plots], overwrite=out.overwrite) as places:
        for region, one in zip(regions, masks, strict=True):
            region.write(places[one.place], format=out.format)
        for region, level, picture in zip(regions, levels, plots, strict=False):
            pictures.all_sky(region, places[picture], title=f"{name_of(skymap)}, {100 * level:g} %")
    found = list(zip(levels, masks, regions, strict=True))
    if out.as_json:
        echo_json([{"level": level, **facts_of_file(str(one.place), {"": region})} for level, one, region in found])
    else:
        for _, one, region in found:
            one.report(region)


def _named(place: Place, level: float) -> Place:
    """The name of an output, with the level in it."""
    number = f"{level:.15g}"
    return (
        place.replace(_LEVEL, number) if isinstance(place, str) else place.with_name(place.name.replace(_LEVEL, number))
    )
