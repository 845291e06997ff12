"""Commands that write a mask in another form: ``to-wcs`` and ``convert``."""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import click

from hpmask._files.urls import Place
from hpmask._utils.modes import MODES, Mode
from hpmask.cli import pictures
from hpmask.cli.command import Command
from hpmask.cli.files import (
    STANDARD,
    MaskOutput,
    Source,
    check_image,
    check_inputs,
    check_outputs,
    check_picture,
    local_image,
    staged,
)
from hpmask.cli.messages import result
from hpmask.cli.options import (
    INPUT,
    MASK,
    OUTPUT,
    healpix_options,
    mask_output,
    n_threads_option,
    one_of_both,
    order_option,
    overwrite_option,
    resolution_option,
)
from hpmask.geometry.healpix import order_of
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.wcs import field

__all__ = ["convert", "to_wcs"]


@click.command(
    cls=Command,
    examples=[
        "hpmask to-wcs mask.fits cutout.fits --wcs counts.fits",
        'hpmask to-wcs mask.fits crab.fits --center "83.63 22.01" --width "12 deg" --binsz "0.05 deg" --plot crab.png',
    ],
)
@click.argument("mask", type=MASK)
@click.argument("out", metavar="OUT", type=OUTPUT)
@click.option("--wcs", "like", type=INPUT, help="Use the pixels and energies of this FITS image.")
@click.option("--hdu", help="Number or name of the image of --wcs, in a file with several.")
@click.option("--center", help="Position in the middle: '83.63 22.01' (degrees) or '05h34m32s +22d00m52s'.")
@click.option("--width", help="Width of the image, such as '10 deg'.")
@click.option("--height", help="Height of the image [default: the width].")
@click.option("--binsz", default="0.05 deg", show_default=True, help="Size of a pixel.")
@click.option(
    "--projection",
    type=click.Choice(field.PROJECTIONS, case_sensitive=False),
    default="TAN",
    show_default=True,
    help="Projection of the image.",
)
@click.option(
    "--frame",
    type=click.Choice(["icrs", "galactic"]),
    default="icrs",
    show_default=True,
    help="Frame of the image and of --center.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="center",
    show_default=True,
    help="Which pixels are kept: those whose centre is kept, those that overlap the mask, or those inside it.",
)
@click.option("--plot", type=OUTPUT, help="Also draw the mask on this field (.png, .pdf, .svg).")
@n_threads_option
@overwrite_option
@click.pass_context
def to_wcs(
    ctx: click.Context,
    mask: Source,
    out: Place,
    like: Place | None,
    hdu: str | None,
    center: str | None,
    width: str | None,
    height: str | None,
    binsz: str,
    projection: str,
    frame: str,
    mode: Mode,
    plot: Place | None,
    n_threads: int | None,
    overwrite: bool,
) -> None:
    """Write the mask of the file MASK on the pixels of a FITS image, the file OUT: 1 = kept.

    The pixels are those of the image --wcs, or of a field with --center and --width.
    """
    if like is not None:
        names = ("center", "width", "height", "binsz", "projection", "frame")
        given = [name for name in names if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
        if given:
            raise click.UsageError(f"--wcs gives all pixels: it cannot be combined with --{given[0]}.")
    elif hdu is not None:
        raise click.UsageError("--hdu chooses an image of the file --wcs, which is missing.")
    elif center is None or width is None:
        raise click.UsageError("Missing option '--wcs', or '--center' and '--width'.")
    inputs = check_inputs([mask] if like is None else [mask, like])
    outputs = [out] if plot is None else [out, plot]
    check_outputs(outputs, inputs=inputs, overwrite=overwrite)
    check_image(out)
    if plot is not None:
        check_picture(plot)
    with contextlib.ExitStack() as stack:
        image = None
        if like is not None:
            image = stack.enter_context(local_image(like))
            wcs, shape = field.wcs_like(image, hdu)
        else:
            assert center is not None
            assert width is not None
            position = parse_position(center, frame)
            wcs, shape = field.field_wcs(
                position, width, height=height, binsz=binsz, projection=projection, frame=frame
            )
        value = mask.mask()
        with staged(outputs, overwrite=overwrite) as places:
            if image is not None:
                # The file, and not its WCS, because it may have energies.
                value.write_wcs(places[out], image, mode=mode, hdu=hdu, n_threads=n_threads)
            else:
                value.write_wcs(places[out], wcs, shape, mode=mode, n_threads=n_threads)
            if plot is not None:
                pictures.field(value, places[plot], wcs, shape)
    if out != STANDARD:
        result(f"{out}: {shape[1]} x {shape[0]} pixels")


@click.command(
    cls=Command,
    examples=[
        "hpmask convert mask.fits mask.json",
        "hpmask convert survey.fits coarse.fits --order 8 --mode inside",
        "hpmask convert mask.fits galactic.fits --frame galactic",
        "hpmask convert mask.fits mask.reg",
    ],
)
@click.argument("source", type=MASK)
@order_option("Convert the mask to this order.")
@resolution_option
@click.option(
    "--mode",
    type=click.Choice(MODES),
    show_default="center",
    help="Which cells of a coarser order are kept: those whose centre is kept, those that overlap the mask, or those "
    "inside it.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, max_open=True),
    help="Instead of --mode, keep cells of a coarser order of which more than this fraction is kept, such as 0.9.",
)
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), help="Convert the mask to this frame.")
@click.option(
    "--reduce", type=click.Choice(["any", "all"]), help="Combine the energy bins: keep sky kept in any bin, or in all."
)
@click.option("--bin", "energy_bin", type=int, help="Take one energy bin, from 0; -1 is the last one.")
@click.option("--simplify", help="Leave out points of an outline, within this angle, such as '0.1 deg'.")
@healpix_options
@n_threads_option
@mask_output
def convert(
    source: Source,
    out: MaskOutput,
    order: int | None,
    resolution: str | None,
    mode: Mode | None,
    threshold: float | None,
    frame: str | None,
    reduce: Literal["any", "all"] | None,
    energy_bin: int | None,
    simplify: str | None,
    healpix: dict[str, Any],
    n_threads: int | None,
) -> None:
    """Write the mask of the file SOURCE to the file OUT, in another format, order or frame.

    The name of OUT gives the format: .fits is FITS, .txt is MOC ASCII, .json is MOC JSON. The outline of the mask is
    written to a region file: .reg is for ds9, .crtf for CASA, .geojson and .stcs for others.
    """
    one_of_both(order, resolution)
    if reduce is not None and energy_bin is not None:
        raise click.UsageError("--reduce and --bin exclude each other.")
    if mode is not None and threshold is not None:
        raise click.UsageError("--mode and --threshold exclude each other.")
    for option, value in (("--mode", mode), ("--threshold", threshold)):
        if value is not None and order is None and resolution is None:
            raise click.UsageError(f"{option} is for a coarser order: give --order or --resolution.")
    if resolution is not None:
        order = order_of(resolution)
    out.check([source])

    def converted(mask: Mask) -> Mask:
        if reduce is not None:
            mask = mask.reduce(reduce)
        if energy_bin is not None:
            mask = mask[energy_bin]
        if frame is not None:
            mask = mask.to_frame(frame, n_threads=n_threads)
        return mask if order is None else mask.at_order(order, mode=mode, threshold=threshold)

    layers = source.layers(**healpix)
    # Files with layers have no outlines.
    options = {} if simplify is None else {"simplify": simplify}
    out.write({name: converted(mask) for name, mask in layers.items()}, **options)
