"""Commands that inspect a mask file: ``info``, ``plot`` and ``query``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from hpmask._utils.words import counted
from hpmask.cli import pictures
from hpmask.cli.terminal import check_outputs, check_picture, columns, kept, n_threads_option, overwrite_option
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.plotting.static import bin_title
from hpmask.wcs import field

__all__ = ["info", "plot", "query"]

_EXCLUDED = 3

# In inches. A larger picture is more likely an error in the unit.
_LARGEST_FIGURE = 200


@click.command()
@click.argument("mask", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(mask: Path, as_json: bool) -> None:
    """Print the frame, order, energy bins, area and history of the file MASK."""
    value = Mask.read(mask)
    if as_json:
        click.echo(json.dumps(_facts(mask, value), indent=2))
        return
    size = np.degrees(np.sqrt(np.pi / 3)) / 2**value.order
    rows = [
        ["file", f"{mask} ({mask.stat().st_size} bytes)"],
        ["frame", value.frame],
        ["order", f"{value.order} (cells of {_angle(size)})"],
    ]
    if value.energy is not None:
        edges = ", ".join(f"{edge:.6g}" for edge in value.energy.edges.value)
        bins = counted(value.energy.n_bins, "bin")
        rows.append(["energy", f"{bins} ({value.energy.name}), edges {edges} {value.energy.unit}"])
    rows += kept(value)
    rows.append(["ranges", f"{value.n_ranges} ({value.nbytes} bytes in memory)"])
    rows += [["history" if i == 0 else "", line] for i, line in enumerate(value.history.splitlines())]
    click.echo(columns(rows))


def _facts(path: Path, mask: Mask) -> dict[str, Any]:
    return {
        "file": str(path),
        "frame": mask.frame,
        "order": mask.order,
        "energy": None if mask.energy is None else _axis(mask.energy),
        "sky_fraction": np.asarray(mask.sky_fraction).tolist(),
        "area_deg2": np.asarray(mask.area.value).tolist(),
        "n_ranges": mask.n_ranges,
        "nbytes": mask.nbytes,
        "history": mask.history,
    }


def _axis(energy: EnergyAxis) -> dict[str, Any]:
    return {
        "name": energy.name,
        "interp": energy.interp,
        "unit": energy.unit.to_string(),
        "edges": energy.edges.value.tolist(),
    }


def _angle(degrees: float) -> str:
    if degrees >= 1:
        return f"{degrees:.3g} deg"
    return f"{degrees * 60:.3g} arcmin" if degrees >= 1 / 60 else f"{degrees * 3600:.3g} arcsec"


@click.command()
@click.argument("mask", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Picture to write (.png, .pdf, .svg).",
)
@click.option("--energy", help="Draw the bin that contains this energy, such as '30 GeV'.")
@click.option("--bins", is_flag=True, help="Draw each energy bin in a picture of its own.")
@click.option("--ncols", type=click.IntRange(min=1), help="Number of columns for --bins.")
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), help="Frame of the picture [default: the mask's].")
@click.option(
    "--center",
    help="Longitude in the middle of the whole sky, such as '0 deg'; with --width the position in the middle of the "
    "field, '83.63 22.01' (degrees) or '05h34m32s +22d00m52s'.",
)
@click.option("--width", help="Width of a field, such as '10 deg' [default: draw the whole sky].")
@click.option("--height", help="Height of a field [default: the width].")
@click.option(
    "--projection",
    type=click.Choice(field.PROJECTIONS, case_sensitive=False),
    help="Projection: MOL or AIT for the whole sky [default: MOL], any for a field [default: TAN].",
)
@click.option("--wcs", type=click.Path(path_type=Path), help="Draw the field of this FITS image.")
@click.option("--hdu", help="Number or name of the image of --wcs, in a file with several.")
@click.option("--kept", help="Colour of the sky that is kept, such as white or '#d5e6f1'.")
@click.option("--excluded", help="Colour of the sky that is excluded.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Opacity of the colours [default: 1].")
@click.option("--legend/--no-legend", default=True, show_default=True, help="Whether to add a legend.")
@click.option("--title", help="Title of the picture.")
@click.option("--figsize", type=float, nargs=2, metavar="W H", help="Size of the picture in inches.")
@click.option("--dpi", type=click.IntRange(20, 2400), help=f"Pixels per inch [default: {pictures.DPI}].")
@overwrite_option
def plot(
    mask: Path,
    output: Path,
    energy: str | None,
    bins: bool,
    ncols: int | None,
    frame: str | None,
    center: str | None,
    width: str | None,
    height: str | None,
    projection: str | None,
    wcs: Path | None,
    hdu: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Draw the file MASK: the whole sky, or a field.

    The options are those of Mask.plot and Mask.plot_grid in Python.
    """
    if bins and energy is not None:
        raise click.UsageError("--bins draws all energies: it cannot be combined with --energy.")
    if ncols is not None and not bins:
        raise click.UsageError("--ncols needs --bins.")
    if width is not None and center is None:
        raise click.UsageError("--width needs the position in the middle of the field, --center.")
    for size in options["figsize"] or ():
        if not 0 < size <= _LARGEST_FIGURE:
            raise click.UsageError(f"--figsize must be from 0 to {_LARGEST_FIGURE} inches, got {size:g}.")
    check_outputs([output], inputs=[mask] if wcs is None else [mask, wcs], overwrite=overwrite)
    check_picture(output)
    value = Mask.read(mask)
    view: dict[str, Any] = {
        "frame": frame,
        "width": width,
        "height": height,
        "projection": projection,
        "wcs": wcs,
        "hdu": hdu,
    }
    if width is not None and center is not None:
        view["center"] = parse_position(center, frame or value.frame)
    else:
        view["center"] = center
    if bins:
        pictures.bins(value, output, ncols=ncols, overwrite=overwrite, view=view, **options)
    else:
        pictures.all_sky(value, output, energy=energy, overwrite=overwrite, view=view, **options)


# Declinations may begin with a minus sign, but are not options.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("mask", type=click.Path(path_type=Path))
@click.argument("lon", metavar="RA")
@click.argument("lat", metavar="DEC")
@click.option("--energy", help="Energy such as '30 GeV' [default: answer for each bin].")
@click.option(
    "--frame",
    type=click.Choice(["icrs", "galactic"]),
    default="icrs",
    show_default=True,
    help="Frame of the position; in galactic, RA and DEC are l and b.",
)
@n_threads_option
def query(mask: Path, lon: str, lat: str, energy: str | None, frame: str, n_threads: int | None) -> None:
    """Print whether a position in the file MASK is "kept" or "excluded".

    RA and DEC are numbers in degrees, or sexagesimal: 05h34m32s +22d00m52s.

    The exit code is 0 if the position is kept (in any energy bin, unless --energy is given) and 3 if it is excluded.
    """
    position = parse_position(f"{lon} {lat}", frame)
    value = Mask.read(mask)
    if energy is not None or value.energy is None:
        answers = [bool(value.contains(position, energy, n_threads=n_threads))]
        names = [""]
    else:
        answers = [bool(answer) for answer in value.contains(position, n_threads=n_threads)]
        names = [bin_title(value.energy, i) for i in range(value.energy.n_bins)]
    rows = [["kept" if answer else "excluded", name] for answer, name in zip(answers, names, strict=True)]
    click.echo(columns(rows))
    if not any(answers):
        sys.stdout.flush()
        raise click.exceptions.Exit(_EXCLUDED)
