"""Commands that look at mask files: ``info``, ``area``, ``plot`` and ``query``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from hpmask._files.urls import Place
from hpmask._utils.words import counted
from hpmask.catalog import files as catalog
from hpmask.cli import pictures
from hpmask.cli.command import Command
from hpmask.cli.files import (
    STANDARD,
    Source,
    check_inputs,
    check_outputs,
    check_picture,
    local,
    local_image,
    staged,
    table_suffix,
)
from hpmask.cli.messages import one_line, result, say
from hpmask.cli.options import INPUT, MASK, OUTPUT, catalog_options, json_option, n_threads_option, overwrite_option
from hpmask.cli.report import (
    bin_titles,
    columns,
    echo_json,
    facts_of_bins,
    facts_of_file,
    kept,
)
from hpmask.geometry.frames import FRAMES
from hpmask.geometry.positions import parse_position
from hpmask.mask import Mask
from hpmask.plotting.styles import STYLES
from hpmask.plotting.views import FRAMES as PICTURE_FRAMES
from hpmask.wcs import field

__all__ = ["area", "info", "plot", "query"]

_EXCLUDED = 3

# In inches. A larger picture is more likely an error in the unit.
_LARGEST_FIGURE = 200


@click.command(
    cls=Command,
    examples=[
        "hpmask info mask.fits",
        "hpmask info out.fits --json",
    ],
)
@click.argument("mask", type=MASK)
@json_option
def info(mask: Source, as_json: bool) -> None:
    """Print the frame, order, energy bins, area and history of the file MASK."""
    layers = mask.layers()
    if as_json:
        echo_json(facts_of_file(str(mask), layers))
        return
    size = f" ({mask.place.stat().st_size} bytes)" if isinstance(mask.place, Path) and mask.place.is_file() else ""
    rows = [["file", f"{mask.place}{size}"]]
    if mask.layer is not None:
        rows.append(["layer", mask.layer])
    for name, value in layers.items():
        if name:
            rows += [[], ["layer", name]]
        rows += _about(value)
    say(columns(rows))


def _about(mask: Mask) -> list[list[str]]:
    size = np.degrees(np.sqrt(np.pi / 3)) / 2**mask.order
    rows = [["title", one_line(mask.title)]] * bool(mask.title)
    rows += [["frame", mask.frame], ["order", f"{mask.order} (cells of {_angle(size)})"]]
    if mask.energy is not None:
        edges = ", ".join(f"{edge:.6g}" for edge in mask.energy.edges.value)
        bins = counted(mask.energy.n_bins, "bin")
        rows.append(["energy", f"{bins} ({mask.energy.name}), edges {edges} {mask.energy.unit}"])
    rows += kept(mask)
    rows.append(["ranges", f"{mask.n_ranges} ({mask.nbytes} bytes in memory)"])
    return rows + [["history" if i == 0 else "", line] for i, line in enumerate(mask.history.splitlines())]


def _angle(degrees: float) -> str:
    if degrees >= 1:
        return f"{degrees:.3g} deg"
    return f"{degrees * 60:.3g} arcmin" if degrees >= 1 / 60 else f"{degrees * 3600:.3g} arcsec"


@click.command(
    cls=Command,
    examples=[
        "hpmask area footprint.fits stars.fits",
    ],
)
@click.argument("masks", metavar="MASK...", type=MASK, nargs=-1, required=True)
@json_option
def area(masks: tuple[Source, ...], as_json: bool) -> None:
    """Print the area that each MASK keeps, in deg2 and as a fraction of the sky.

    There is a line for each mask, each layer of a file with several, and each energy bin.
    """
    check_inputs(masks)
    rows: list[list[str]] = []
    found: list[dict[str, Any]] = []
    for source in masks:
        for name, mask in source.layers().items():
            layer = name or source.layer
            each = zip(facts_of_bins(mask), bin_titles(mask), mask.planes, np.ravel(mask.area.value), strict=True)
            for bins, title, plane, square in each:
                rows.append([f"{square:.10g}", f"{plane.sky_fraction:.10g}", str(source.place), layer or "", title])
                found.append(
                    {
                        "file": str(source.place),
                        "layer": layer,
                        "energy": bins,
                        "area_deg2": float(square),
                        "sky_fraction": plane.sky_fraction,
                    }
                )
    if as_json:
        echo_json(found)
    else:
        used = [i for i in range(5) if any(row[i] for row in rows)]
        head = ["deg2", "fraction", "file", "layer", "energy"]
        say(columns([[row[i] for i in used] for row in (head, *rows)]))


@click.command(
    cls=Command,
    examples=[
        'hpmask plot mask.fits sky.png --frame galactic --center "0 deg"',
        'hpmask plot mask.fits crab.png --center "83.63 22.01" --width "12 deg"',
        "hpmask plot mask.fits field.png --wcs counts.fits --excluded black",
    ],
)
@click.argument("mask", type=MASK)
@click.argument("out", metavar="OUT", type=OUTPUT)
@click.option(
    "--style",
    type=click.Choice(STYLES),
    help="Fill the excluded sky (exclusion), fill the kept sky (footprint), or draw edges only (outline) [default: "
    "exclusion if more than half of the sky is kept, else footprint].",
)
@click.option("--label", help="Name of the mask in the legend.")
@click.option("--energy", help="Draw the bin that contains this energy, such as '30 GeV'.")
@click.option("--bins", is_flag=True, help="Draw each energy bin in a picture of its own.")
@click.option("--ncols", type=click.IntRange(min=1), help="Number of columns for --bins.")
@click.option("--frame", type=click.Choice(list(PICTURE_FRAMES)), help="Frame of the picture [default: the mask's].")
@click.option(
    "--center",
    help="Longitude in the middle of the whole sky, such as '0 deg'; with --width the position in the middle of the "
    "field, '83.63 22.01' (degrees) or '05h34m32s +22d00m52s'; auto is the middle of the mask.",
)
@click.option("--width", help="Width of a field, such as '10 deg' [default: draw the whole sky].")
@click.option("--height", help="Height of a field [default: the width].")
@click.option(
    "--projection",
    type=click.Choice(field.PROJECTIONS, case_sensitive=False),
    help="Projection: MOL or AIT for the whole sky [default: MOL], any for a field [default: TAN].",
)
@click.option("--wcs", type=INPUT, help="Draw the field of this FITS image.")
@click.option("--hdu", help="Number or name of the image of --wcs, in a file with several.")
@click.option("--kept", help="Colour of the sky that is kept, such as white or '#d5e6f1'.")
@click.option("--excluded", help="Colour of the sky that is excluded.")
@click.option("--edge", help="Colour of the edge of the mask; none draws no edge.")
@click.option("--alpha", type=click.FloatRange(0, 1), help="Opacity of the colours [default: 1].")
@click.option(
    "--lon-unit", type=click.Choice(["deg", "hour"]), help="Unit of the longitudes on the labels [default: deg]."
)
@click.option("--vector/--no-vector", default=None, help="Draw shapes, or pixels [default: shapes if they are few].")
@click.option("--legend/--no-legend", default=True, show_default=True, help="Whether to add a legend.")
@click.option("--title", help="Title of the picture.")
@click.option("--figsize", type=float, nargs=2, metavar="W H", help="Size of the picture in inches.")
@click.option("--dpi", type=click.IntRange(20, 2400), help=f"Pixels per inch [default: {pictures.DPI}].")
@overwrite_option
def plot(
    mask: Source,
    out: Place,
    energy: str | None,
    bins: bool,
    ncols: int | None,
    frame: str | None,
    center: str | None,
    width: str | None,
    height: str | None,
    projection: str | None,
    wcs: Place | None,
    hdu: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Draw the mask of the file MASK: the whole sky, or a field.

    OUT is a picture (.png, .pdf, .svg); - is a PNG picture on standard output.

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
    inputs = check_inputs([mask] if wcs is None else [mask, wcs])
    check_outputs([out], inputs=inputs, overwrite=overwrite)
    if out != STANDARD:
        check_picture(out)
    value = mask.mask()
    options["title"] = options["title"] or value.title or None
    view: dict[str, Any] = {
        "frame": frame,
        "center": center,
        "width": width,
        "height": height,
        "projection": projection,
        "hdu": hdu,
    }
    with staged([out], overwrite=overwrite, suffix=".png") as places, local_image(wcs) as image:
        view["wcs"] = image
        if bins:
            pictures.bins(value, places[out], ncols=ncols, view=view, **options)
        else:
            pictures.all_sky(value, places[out], energy=energy, view=view, **options)
    if out != STANDARD:
        result(f"{out}: a picture of {mask}")


# Declinations may begin with a minus sign, but are not options.
@click.command(
    cls=Command,
    examples=[
        "hpmask query stars.fits 10 20",
        "hpmask query stars.fits 00h40m00s +24d00m00s",
        "hpmask query stars.fits --from catalog.csv",
    ],
    context_settings={"ignore_unknown_options": True},
)
@click.argument("mask", type=MASK)
@click.argument("position", metavar="[RA DEC]...", nargs=-1)
@click.option("--from", "table", type=INPUT, help="Table with the positions: CSV, ECSV, FITS, VOTable or parquet.")
@catalog_options
@click.option("--energy", help="Energy such as '30 GeV' [default: answer for each bin].")
@click.option(
    "--frame",
    type=click.Choice(FRAMES),
    default="icrs",
    show_default=True,
    help="Frame of RA and DEC; in galactic, they are l and b.",
)
@json_option
@n_threads_option
def query(
    mask: Source,
    position: tuple[str, ...],
    table: Place | None,
    lon: str | None,
    lat: str | None,
    catalog_frame: str | None,
    energy: str | None,
    frame: str,
    as_json: bool,
    n_threads: int | None,
) -> None:
    """Print whether positions in the file MASK are "kept" or "excluded".

    RA and DEC are numbers in degrees, or sexagesimal: 05h34m32s +22d00m52s. Several positions follow each other, or are
    the rows of a table, --from. A line is printed for each position, with an answer for each energy bin and layer.

    The exit code is 0 if all positions are kept (each in any energy bin or layer, unless --energy and MASK::LAYER
    choose one) and 3 if one is excluded.
    """
    if bool(position) == (table is not None):
        raise click.UsageError("Give positions as RA and DEC, or a table of them with --from.")
    for option, value in (("--lon", lon), ("--lat", lat), ("--catalog-frame", catalog_frame)):
        if value is not None and table is None:
            raise click.UsageError(f"{option} is for a table, --from.")
    check_inputs([mask] if table is None else [mask, table])
    if table is None:
        where: Any = _parsed(position, frame)
        words: dict[str, Any] = {}
    else:
        with local(table, table_suffix) as path:
            where = catalog.load(path, lon, lat)[0]
        words = {"lon": lon, "lat": lat, "catalog_frame": catalog_frame}
    answers = _answers(mask, where, energy, n_threads, words)
    if as_json:
        shown = [{"layer": name, "energy": bins, "kept": kept.tolist()} for name, bins, _, kept in answers]
        echo_json({"file": str(mask.place), "at_energy": energy, "answers": shown})
    else:
        say(_table(answers, position))
    if not np.any([kept for *_, kept in answers], axis=0).all():
        sys.stdout.flush()
        raise click.exceptions.Exit(_EXCLUDED)


_Answer = tuple[str | None, dict[str, Any] | None, str, NDArray[np.bool_]]


def _parsed(words: tuple[str, ...], frame: str) -> SkyCoord:
    """The positions of the arguments, of which two make one."""
    if len(words) % 2:
        raise click.UsageError(f"Each position is a pair, RA and DEC, got {counted(len(words), 'word')}.")
    return SkyCoord([parse_position(f"{lon} {lat}", frame) for lon, lat in _pairs(words)])


def _pairs(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(words[::2], words[1::2], strict=True)


def _answers(
    source: Source, where: Any, energy: str | None, n_threads: int | None, words: dict[str, Any]
) -> list[_Answer]:
    """The answers of each layer and energy bin: the layer, the bin, its title, and the answers for all positions."""
    found: list[_Answer] = []
    for name, mask in source.layers().items():
        layer = name or source.layer
        kept = np.asarray(mask.contains(where, energy=energy, n_threads=n_threads, **words))
        if energy is not None or mask.energy is None:
            found.append((layer, None, name, kept))
            continue
        for bins, title, plane in zip(facts_of_bins(mask), bin_titles(mask), kept, strict=True):
            found.append((layer, bins, f"{name} {title}".strip(), plane))
    return found


def _table(answers: list[_Answer], position: tuple[str, ...]) -> str:
    """The answers as text: a row for each position; or, for a single position, a row for each layer and bin."""
    kept = np.where([kept for *_, kept in answers], "kept", "excluded").T.tolist()
    titles = [title for _, _, title, _ in answers]
    if len(position) == 2:
        return columns(list(zip(kept[0], titles, strict=True)))
    names = [[f"{lon} {lat}"] for lon, lat in _pairs(position)] or [[]] * len(kept)
    head = [titles] if any(titles) else []
    return columns([*head, *(row + name for row, name in zip(kept, names, strict=True))])
