"""Commands that look at a mask file: ``info``, ``plot`` and ``query``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np

from hpmask._utils.words import counted
from hpmask.cli import pictures
from hpmask.cli.terminal import check_outputs, check_picture, columns, kept, overwrite_option
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.plotting.static import bin_title

__all__ = ["info", "plot", "query"]

_EXCLUDED = 3


@click.command()
@click.argument("mask", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(mask: Path, as_json: bool) -> None:
    """Print what is known of the file MASK: cells, energy bins, area, history."""
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
@click.option("--energy", help="Draw the bin of an energy, such as '30 GeV'.")
@click.option("--bins", is_flag=True, help="Draw each energy bin.")
@click.option("--frame", type=click.Choice(["icrs", "galactic"]), help="Frame of the picture [default: the mask's].")
@click.option("--center", help="Longitude in the middle, such as '0 deg'.")
@click.option("--projection", type=click.Choice(["MOL", "AIT"], case_sensitive=False), default="MOL", show_default=True)
@click.option("--title", help="Title of the picture.")
@click.option("--dpi", type=click.IntRange(20, 2400), default=150, show_default=True, help="Pixels per inch.")
@overwrite_option
def plot(
    mask: Path,
    output: Path,
    energy: str | None,
    bins: bool,
    title: str | None,
    dpi: int,
    overwrite: bool,
    **options: Any,
) -> None:
    """Draw the file MASK on the whole sky."""
    if bins and energy is not None:
        raise click.UsageError("--bins draws all energies: it does not go with --energy.")
    check_outputs([output], inputs=[mask], overwrite=overwrite)
    check_picture(output)
    value = Mask.read(mask)
    if bins:
        pictures.bins(value, output, title=title, dpi=dpi, overwrite=overwrite, **options)
    else:
        pictures.all_sky(value, output, title=title, dpi=dpi, overwrite=overwrite, energy=energy, **options)


# Declinations begin with a minus sign and are no options.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("mask", type=click.Path(path_type=Path))
@click.argument("lon", metavar="RA")
@click.argument("lat", metavar="DEC")
@click.option("--energy", help="An energy such as '30 GeV'; without it, each bin is told.")
@click.option(
    "--frame",
    type=click.Choice(["icrs", "galactic"]),
    default="icrs",
    show_default=True,
    help="Frame of the position: galactic takes RA DEC for l b.",
)
def query(mask: Path, lon: str, lat: str, energy: str | None, frame: str) -> None:
    """Tell whether the file MASK keeps a position: "kept" or "excluded".

    RA and DEC are numbers in degrees, or sexagesimal: 05h34m32s +22d00m52s.

    The exit code is 0 if the position is kept (in any energy bin, unless one is asked for) and 3 if it is
    excluded.
    """
    position = parse_position(f"{lon} {lat}", frame)
    value = Mask.read(mask)
    if energy is not None or value.energy is None:
        answers = [bool(value.contains(position, energy))]
        names = [""]
    else:
        answers = [bool(answer) for answer in value.contains(position)]
        names = [bin_title(value.energy, i) for i in range(value.energy.n_bins)]
    rows = [["kept" if answer else "excluded", name] for answer, name in zip(answers, names, strict=True)]
    click.echo(columns(rows))
    if not any(answers):
        sys.stdout.flush()
        raise click.exceptions.Exit(_EXCLUDED)
