"""The page of masks: its data, its assets and its options."""

from __future__ import annotations

import html
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

import hpmask
from hpmask._utils.arguments import as_angle, as_count, as_flag, one_angle
from hpmask._utils.warn import warn
from hpmask._utils.words import angle_text, percent_text, shown
from hpmask.core.rangeset import RangeSet
from hpmask.core.transform import at_order
from hpmask.core.value import MaskValue, check_mask
from hpmask.energy.axis import EnergyAxis
from hpmask.geometry import frames
from hpmask.geometry.positions import parse_position
from hpmask.plotting.page.pack import packed
from hpmask.plotting.page.page import Page, in_notebook
from hpmask.plotting.static import bin_title
from hpmask.plotting.views import middle_longitude, middle_position

__all__ = ["ALADIN", "BACKGROUND", "MAX_BYTES", "view"]

STYLES = ("exclusion", "footprint", "outline")
PROJECTIONS = {"MOL": "mollweide", "AIT": "aitoff", "SIN": "sphere"}

# Where Aladin Lite is loaded from, if it is wanted and no other place is given. It is GPL-3, and no part of hpmask.
ALADIN = "https://cdn.jsdelivr.net/npm/aladin-lite@3.8.2/dist/aladin.js"
BACKGROUND = "CDS/P/DSS2/color"

# Bytes of the masks in a page. A browser opens a page of this size within a second or two.
MAX_BYTES = 30_000_000

# Colours of excluded and of kept sky in the picture of a single mask, and those of layers: P. Tol, "bright"
# (SRON/EPS/TN/09-002, issue 3.2, 2021), which people with colour-blindness tell apart, on light and dark pages.
_ALONE = ("#b4482d", "#4477aa")
_LAYERS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999")
# Opacity of the colour of a single mask, and of layers, which lie over each other.
_OPACITY = (0.9, 0.6)

_MIDDLE = {"icrs": 180.0, "galactic": 0.0}


def view(
    masks: MaskValue | Mapping[str, MaskValue],
    path: str | os.PathLike[str] | None = None,
    *,
    title: str | None = None,
    style: str | None = None,
    energy: u.Quantity | str | None = None,
    frame: str | None = None,
    center: SkyCoord | u.Quantity | str | None = None,
    width: u.Quantity | str | None = None,
    projection: str = "MOL",
    aladin: bool | str | os.PathLike[str] | None = None,
    background: str | None = None,
    max_bytes: int = MAX_BYTES,
    open: bool | None = None,
    overwrite: bool = False,
) -> Page:
    """See `hpmask.Mask.view`."""
    layers = _layers_of(masks)
    if title is None:
        title = "Mask" if isinstance(masks, MaskValue) else ", ".join(layers)
    if not isinstance(title, str):
        raise TypeError(f"title must be a string, got {shown(title)}")
    if style is not None and style not in STYLES:
        raise ValueError(f"style must be 'exclusion', 'footprint' or 'outline', got {shown(style)}")
    engine = _engine(aladin, background)
    overwrite = as_flag(overwrite, "overwrite")
    show = not in_notebook() and path is None if open is None else as_flag(open, "open")
    data = {
        "title": title,
        "rotation": frames.rotation("icrs", "galactic").ravel().tolist(),
        "view": _view(tuple(layers.values()), frame, center, width, projection),
        **_energies(layers, energy),
        "aladin": None if engine is None else engine.url,
        "background": BACKGROUND if background is None else background,
    }
    names = list(layers)
    fitted, planes = _fitted(list(layers.values()), as_count(max_bytes, "max_bytes", least=1))
    data["planes"] = list(planes.values())
    number = {key: k for k, key in enumerate(planes)}
    alone = len(layers) == 1
    mostly_kept = all(np.mean(mask.sky_fraction) > 0.5 for mask in layers.values())
    data["style"] = ("exclusion" if mostly_kept else "footprint") if style is None else style
    data["opacity"] = _OPACITY[0] if alone else _OPACITY[1]
    data["notes"] = _notes(layers, fitted)
    data["layers"] = [
        {
            "name": name,
            "frame": mask.frame,
            "colours": _ALONE if alone else (_LAYERS[k % len(_LAYERS)],) * 2,
            "bins": [-1 if i < 0 else number[id(small.planes[i])] for i in data.pop(f"bins of {k}")],
            "areas": data.pop(f"areas of {k}"),
        }
        for k, (name, mask, small) in enumerate(zip(names, layers.values(), fitted, strict=True))
    ]
    page = Page(_document(data, engine), title, max(mask.order for mask in fitted))
    if path is not None:
        page.save(path, overwrite=overwrite)
    if show and not page.open():
        warn(f"no browser was found: the page is {os.fspath(page)}")
    return page


def _layers_of(masks: Any) -> dict[str, MaskValue]:
    if isinstance(masks, MaskValue):
        return {"mask": masks}
    if not isinstance(masks, Mapping) or not masks:
        raise TypeError(f"masks must be a Mask or a mapping from names to Masks, got {shown(masks)}")
    for name, mask in masks.items():
        if not isinstance(name, str):
            raise TypeError(f"a name must be a string, got {shown(name)}")
        check_mask(mask, f"masks[{name!r}]")
    return dict(masks)


# ---------------------------------------------------------------------- the data


def _fitted(masks: list[MaskValue], most: int) -> tuple[list[MaskValue], dict[int, dict[str, Any]]]:
    """The masks at an order at which they fit into the page, and their packed planes by identity."""
    order = max(mask.order for mask in masks)
    while True:
        small = [mask if mask.order <= order else at_order(mask, order) for mask in masks]
        distinct: dict[int, RangeSet] = {id(plane): plane for mask in small for plane in mask.planes}
        # A boundary takes one byte at least, and compression at best a third of it.
        if order == 0 or 2 * sum(plane.n_ranges for plane in distinct.values()) < 3 * most:
            planes = {key: packed(plane) for key, plane in distinct.items()}
            if order == 0 or sum(len(plane["data"]) for plane in planes.values()) <= most:
                return small, planes
        order -= 1


def _notes(layers: Mapping[str, MaskValue], fitted: list[MaskValue]) -> list[str]:
    """What a reader of the page must know. Warns of masks that are coarser in the page."""
    coarser = {
        name: (mask.order, small.order)
        for (name, mask), small in zip(layers.items(), fitted, strict=True)
        if mask.order > small.order
    }
    if not coarser:
        return []
    order = max(small.order for small in fitted)
    size = angle_text(np.sqrt(np.pi / 3) / 2**order)
    words = ", ".join(f"{name} has order {old}" for name, (old, _) in coarser.items())
    warn(
        f"the page shows cells of order {order} ({size}), because it would be too large: {words}. A larger max_bytes "
        "keeps them, and Mask.cutout the part of them in a field"
    )
    return [f"Drawn with cells of order {order} ({size}) to keep the page small: {words}."]


def _energies(layers: Mapping[str, MaskValue], energy: Any) -> dict[str, Any]:
    """The bins that the slider chooses from, and for each layer the number of its bin there, -1 if it has none."""
    axes = [mask.energy for mask in layers.values() if mask.energy is not None]
    if not axes:
        if energy is not None:
            raise ValueError("energy is given, but there are no energy bins")
        titles: list[str] = []
        first = 0
    else:
        axis = axes[0] if all(one == axes[0] for one in axes) else _common_axis(axes)
        titles = [bin_title(axis, i) for i in range(axis.n_bins)]
        first = 0 if energy is None else int(np.max(axis.bin_of(energy)))
        if first < 0:
            raise ValueError(f"energy must lie in one of the bins of {axis}, got {energy}")
    found: dict[str, Any] = {"energies": titles, "bin": first}
    for k, mask in enumerate(layers.values()):
        if not titles or mask.energy is None:
            bins = np.zeros(max(1, len(titles)), dtype=np.intp)
        else:
            bins = mask.energy.bin_of(np.sqrt(axis.energy_min * axis.energy_max))
        found[f"bins of {k}"] = bins.tolist()
        texts = [percent_text(plane) for plane in mask.planes]
        found[f"areas of {k}"] = ["no bin at this energy" if i < 0 else f"{texts[i]} kept" for i in bins]
    return found


def _common_axis(axes: list[EnergyAxis]) -> EnergyAxis:
    """An axis with the edges of all axes."""
    unit = axes[0].unit
    edges = np.sort(np.concatenate([axis.edges.to_value(unit) for axis in axes]))
    apart = np.diff(edges, prepend=0) > 1e-6 * edges
    return EnergyAxis(edges[apart] * unit)


def _view(masks: tuple[MaskValue, ...], frame: Any, center: Any, width: Any, projection: Any) -> dict[str, Any]:
    """The first view: its projection, frame, middle and width in degrees, None for the whole sky."""
    frame = masks[0].frame if frame is None else frames.check_frame(frame)
    if not isinstance(projection, str) or projection.upper() not in PROJECTIONS:
        raise ValueError(f"projection must be 'MOL', 'AIT' or 'SIN', got {shown(projection)}")
    found = {"projection": PROJECTIONS[projection.upper()], "frame": frame, "lon": _MIDDLE[frame], "lat": 0.0}
    found["width"] = None if width is None else one_angle(width, "width", unit=u.deg, most=360 * u.deg)
    if center is None:
        if width is not None:
            raise ValueError("width needs the position in the middle of the field, center")
        return found
    if isinstance(center, str) and center == "auto":
        if width is None:
            middle = middle_longitude(masks, frame)
            return found if middle is None else found | {"lon": middle}
        center = middle_position(masks)
    if isinstance(center, str) and not _ANGLE.fullmatch(center):
        center = parse_position(center, frame)
    if isinstance(center, SkyCoord):
        lon, lat = frames.to_lonlat(center, frame, "center")
        if lon.size != 1:
            raise ValueError(f"center must be one position, got {lon.size}")
        return found | {"lon": float(np.degrees(np.ravel(lon)[0])) % 360, "lat": float(np.degrees(np.ravel(lat)[0]))}
    angle = as_angle(center, "center")
    if angle.ndim or not np.isfinite(angle.value):
        raise ValueError(f"center must be one longitude, got {center}")
    return found | {"lon": float(angle.to_value(u.deg)) % 360}


# A number and a unit, "30 deg", and not a position.
_ANGLE = re.compile(r"\s*[-+]?[\d.]+(e[-+]?\d+)?\s*[a-z]+\s*")


# ---------------------------------------------------------------------- Aladin Lite


class _Engine:
    """Aladin Lite: the URL that the page loads, or the code that it holds."""

    def __init__(self, url: str, code: str = "") -> None:
        self.url = url
        self.code = code


def _engine(aladin: Any, background: Any) -> _Engine | None:
    if background is not None and (not isinstance(background, str) or not background.strip()):
        raise TypeError(f"background must be the name of a survey such as {BACKGROUND!r}, got {shown(background)}")
    if aladin is None:
        aladin = background is not None
    if isinstance(aladin, bool):
        return _Engine(ALADIN) if aladin else None
    if isinstance(aladin, str) and re.match(r"https?://", aladin):
        return _Engine(aladin)
    if not isinstance(aladin, str | os.PathLike):
        raise TypeError(f"aladin must be True, a URL or a path of aladin.js, got {shown(aladin)}")
    code = Path(aladin).read_text("utf-8")
    if "export" not in code or "aladin" not in code:
        raise ValueError(f"aladin must be the file dist/aladin.js of the npm package aladin-lite, got {aladin}")
    return _Engine("", code)


# ---------------------------------------------------------------------- the document


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _document(data: dict[str, Any], engine: _Engine | None) -> str:
    script = "".join(_asset(name) for name in ("sky.js", "aladin.js", "viewer.js"))
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    css = _asset("page.css")
    # Inside a script, "<" could only end it too early.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        policy=_policy(script, css, engine),
        version=hpmask.__version__,
        title=html.escape(data["title"]),
        css=css,
        data=text,
        aladin="" if engine is None or not engine.code else _code_block(engine.code),
        script=script,
    )


def _code_block(code: str) -> str:
    """A file of JavaScript as text in base64, which no word in it can end."""
    return f'<script type="text/plain" id="aladin-code">{b64encode(code.encode()).decode()}</script>'


def _policy(script: str, css: str, engine: _Engine | None) -> str:
    """The policy of the page: its own code, and no request at all unless it has Aladin Lite."""
    if engine is None:
        rules = {
            "default-src": "'none'",
            "script-src": _hash(script),
            "style-src": _hash(css),
            "img-src": "data: blob:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
    else:
        place = urlsplit(engine.url)
        rules = {
            "default-src": "'none'",
            "script-src": f"{_hash(script)} blob: 'wasm-unsafe-eval' {place.scheme}://{place.netloc}".removesuffix(
                " ://"
            ),
            "style-src": "'unsafe-inline' https:",
            "img-src": "https: http: data: blob:",
            "connect-src": "https: http: data: blob:",
            "font-src": "https: data:",
            "worker-src": "blob:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
