"""Commands that write a mask in another form: ``to-wcs`` and ``convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from hpmask.cli import pictures
from hpmask.cli.terminal import check_mask, check_outputs, check_picture, overwrite_option
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.wcs import field

__all__ = ["convert", "to_wcs"]


@click.command()
@click.argument("mask", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="FITS image to write.")
@click.option("--like", type=click.Path(path_type=Path), help="Take the pixels, and the energies, of a FITS image.")
@click.option("--hdu", help="Number or name of the image of --like, in a file with several.")
@click.option("--center", help="Position in the middle: '83.63 22.01' (degrees) or '05h34m32s +22d00m52s'.")
@click.option("--width", help="Width of the image, such as '10 deg'.")
@click.option("--height", help="Height of the image [default: its width].")
@click.option("--binsz", default="0.05 deg", show_default=True, help="Size of a pixel.")
@click.option("--proj", type=click.Choice(field.PROJECTIONS, case_sensitive=False), default="TAN", show_default=True)
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), default="icrs", show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the image, too (.png, .pdf, .svg).")
@overwrite_option
@click.pass_context
def to_wcs(
    ctx: click.Context,
    mask: Path,
    output: Path,
    like: Path | None,
    hdu: str | None,
    center: str | None,
    width: str | None,
    height: str | None,
    binsz: str,
    proj: str,
    frame: str,
    plot: Path | None,
    overwrite: bool,
) -> None:
    """Put the file MASK on the pixels of a sky image: 1 = kept.

    The pixels are those of the image of --like, or of a field with --center and --width.
    """
    if like is not None:
        names = ("center", "width", "height", "binsz", "proj", "frame")
        given = [name for name in names if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
        if given:
            raise click.UsageError(f"--like gives all pixels: it does not go with --{given[0]}.")
    elif hdu is not None:
        raise click.UsageError("--hdu chooses an image of the file of --like, which is missing.")
    elif center is None or width is None:
        raise click.UsageError("Missing option '--like', or '--center' and '--width'.")
    inputs = [mask] if like is None else [mask, like]
    check_outputs([output] if plot is None else [output, plot], inputs=inputs, overwrite=overwrite)
    if plot is not None:
        check_picture(plot)
    if like is not None:
        wcs, shape = field.wcs_like(like, hdu)
    else:
        assert center is not None
        assert width is not None
        position = parse_position(center, frame)
        wcs, shape = field.field_wcs(position, width, height=height, binsz=binsz, proj=proj, frame=frame)
    value = Mask.read(mask)
    if like is not None:
        # By itself, since it may have energies, too.
        value.write_wcs(output, like, hdu=hdu, overwrite=overwrite)
    else:
        value.write_wcs(output, wcs, shape, overwrite=overwrite)
    if plot is not None:
        pictures.field(value, plot, wcs, shape, overwrite=overwrite)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--order", type=click.IntRange(0, 29), help="Bring the mask to another order.")
@click.option(
    "--mode",
    type=click.Choice(["center", "overlap", "inside"]),
    default="center",
    show_default=True,
    help="Which cells of a coarser order are kept.",
)
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), help="Bring the mask to another frame.")
@click.option("--reduce", type=click.Choice(["any", "all"]), help="Keep the sky kept in any energy bin, or in all.")
@overwrite_option
def convert(
    source: Path,
    target: Path,
    order: int | None,
    mode: Literal["center", "overlap", "inside"],
    frame: str | None,
    reduce: Literal["any", "all"] | None,
    overwrite: bool,
) -> None:
    """Write the mask of the file SOURCE to the file TARGET, in the format that its name tells.

    FITS: .fits; MOC ASCII: .txt; MOC JSON: .json.
    """
    check_outputs([target], inputs=[source], overwrite=overwrite)
    check_mask(target)
    mask = Mask.read(source)
    if reduce is not None:
        mask = mask.reduce(reduce)
    if frame is not None:
        mask = mask.to_frame(frame)
    if order is not None:
        mask = mask.at_order(order, mode=mode)
    mask.write(target, overwrite=overwrite)
