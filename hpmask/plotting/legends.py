"""Legends: the entries of masks, which stay on their axes, and a place where they fit."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from hpmask._utils.words import percent_text
from hpmask.core.rangeset import RangeSet
from hpmask.plotting.styles import CLEAR, Look, Paint, Rgba

__all__ = ["Place", "add_entries", "count_of_masks", "place_of", "remember", "show_figure_legend", "show_legend"]

# The entries of masks have an id of this, the number of the mask, and this if the mask has no label.
_GID = "hpmask-"
_UNNAMED = "-unnamed"
_EXCLUDED = "excluded"
# The most columns, the width in widths of the figure, and the smallest text of a legend below a picture.
_COLUMNS = 4
_WIDEST = 0.97
_LEAST = 4.5
# The room above it, in heights of its text.
_PAD = 0.3


class Place:
    """Where the legend of axes is, which were made for a picture: below them, or outside at the foot of the figure."""

    def __init__(self, look: Look, *, is_all_sky: bool, pad: float = 0.0) -> None:
        self.look = look
        self.is_all_sky = is_all_sky
        # Room between the axes and the legend or the title, in points.
        self.pad = pad
        self.legend: Any = None


# Of axes that hpmask made.
_places: WeakKeyDictionary[Any, Place] = WeakKeyDictionary()


def remember(ax: Any, place: Place) -> None:
    """Keep where the legend of some axes is, for the next mask that is drawn on them."""
    _places[ax] = place


def place_of(ax: Any) -> Place | None:
    """Where the legend of some axes is, or None for axes of others."""
    return _places.get(ax)


def count_of_masks(ax: Any) -> int:
    """How many masks were drawn on some axes."""
    return len({artist.get_gid() for artist in (*ax.patches, *ax.lines) if _is_entry(artist)})


def _is_entry(artist: Any) -> bool:
    return str(artist.get_gid()).startswith(_GID)


def _look_of(handle: Any) -> tuple[Any, ...]:
    """What an entry of a legend looks like. Lines all look alike: their names tell them apart."""
    if not hasattr(handle, "get_facecolor"):
        return ()
    return handle.get_facecolor(), handle.get_edgecolor(), handle.get_hatch()


def add_entries(ax: Any, paint: Paint, *, percent: bool, number: int) -> None:
    """Add the entries of a mask to the axes, where `ax.legend` finds them."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    # Masks without an entry count, too, for the colours of the next.
    for name, colour, has_edge in _entries(paint, percent) or [("_nothing", CLEAR, False)]:
        # Artists without points draw nothing, but give the legend its colours.
        entry: Any
        if has_edge and paint.style == "outline":
            entry = Line2D([], [], color=paint.edge, linewidth=1.4, linestyle=paint.linestyle, label=name)
        else:
            entry = PathPatch(
                Path(np.empty((0, 2))),
                facecolor=colour,
                edgecolor=paint.edge if has_edge else "0.4",
                linewidth=1.0 if has_edge else 0.5,
                linestyle=paint.linestyle if has_edge else "solid",
                hatch=paint.hatch if has_edge else None,
                label=name,
            )
        entry.set_gid(f"{_GID}{number}{_UNNAMED if paint.label is None else ''}")
        ax.add_artist(entry)
        # Maps of skyproj give it another one.
        entry.set_transform(ax.transAxes)


def _entries(paint: Paint, percent: bool) -> list[tuple[str, Rgba, bool]]:
    """Names and colours, and which have the edge of the mask."""
    planes = [layer.planes[0] for _, layer in paint.layers]
    outside = ~RangeSet.union_all(planes)
    *colours, outer = paint.colours
    has_edge = paint.edge[3] > 0
    rows: list[tuple[str, Rgba, bool, RangeSet, str]] = []
    if paint.label is None:
        names = [name for name, _ in paint.layers]
        for name, colour, plane in zip(names, colours, planes, strict=True):
            if colour[3] > 0:
                rows.append((name, colour, has_edge and paint.style == "footprint", plane, "of the sky"))
        if outer[3] > 0:
            rows.append((_EXCLUDED, outer, has_edge and paint.style == "exclusion", outside, "of the sky"))
        if not rows and has_edge:
            rows.append(("edge of the kept sky", outer, True, planes[0], "of the sky"))
    else:
        if paint.style == "exclusion":
            main, plane, word = outer, outside, "excluded"
        else:
            main, plane, word = colours[0], planes[0], "of the sky"
            if paint.style == "outline" and planes[0].sky_fraction > 0.5:
                plane, word = outside, "excluded"
        if main[3] > 0 or has_edge:
            rows.append((paint.label, main, has_edge, plane, word))
        if len(planes) == 2 and colours[1][3] > 0:
            rows.append((f"{paint.label}, in some bins", colours[1], False, planes[1], "of the sky"))
    return [
        (f"{name} ({percent_text(plane)} {word})" if percent else name, colour, edge)
        for name, colour, edge, plane, word in rows
    ]


def _handles(axes: list[Any]) -> tuple[list[Any], list[str]]:
    """The entries of axes, each once; what is excluded stands at the end."""
    found: dict[Any, tuple[Any, str]] = {}
    for ax in axes:
        for handle, name in zip(*ax.get_legend_handles_labels(), strict=True):
            key: Any = handle
            if _is_entry(handle):
                common = name.partition(" (")[0] if handle.get_gid().endswith(_UNNAMED) else name
                # In a grid of pictures, each name has one entry.
                key = common if len(axes) > 1 else (common, *_look_of(handle))
                if key in found and found[key][1] != name:
                    # Masks without a name that keep different parts of the sky.
                    handle, name = found[key][0], common
                    del found[key]
            found.setdefault(key, (handle, name))
    rows = sorted(found.values(), key=lambda row: row[1].startswith(_EXCLUDED))
    return [handle for handle, _ in rows], [name for _, name in rows]


def show_legend(ax: Any) -> None:
    """Make the legend of all that is drawn on some axes."""
    handles, names = _handles([ax])
    if not handles:
        return
    place, figure = place_of(ax), ax.figure
    if place is None:
        ax.legend(handles, names, loc="upper right")
    elif place.is_all_sky:
        _fitted(
            figure, ax.legend, handles, names, place.look, place.pad, loc="upper center", bbox_to_anchor=(0.5, -0.01)
        )
    elif figure.get_layout_engine() is not None:
        if place.legend is not None and place.legend in figure.legends:
            place.legend.remove()
        place.legend = _fitted(figure, figure.legend, handles, names, place.look, loc="outside lower center")
    else:
        # A figure without a layout has no room below the axes.
        ax.legend(handles, names, loc="upper right", fontsize=place.look.legend_size)


def show_figure_legend(figure: Any, axes: list[Any], look: Look) -> None:
    """Make the one legend of all pictures of a figure."""
    handles, names = _handles(axes)
    if handles:
        loc = "lower center" if figure.get_layout_engine() is None else "outside lower center"
        _fitted(figure, figure.legend, handles, names, look, loc=loc)


def _fitted(
    figure: Any, make: Any, handles: list[Any], names: list[str], look: Look, pad: float = 0.0, **options: Any
) -> Any:
    """A legend in as few rows as fit the width of the figure."""
    # The layout of a figure makes no room for a pad of the legend outside.
    pad = 0.0 if str(options["loc"]).startswith("outside") else pad + _PAD * look.legend_size
    brief = [name.replace(" % of the sky)", " %)") for name in names]
    legend, size = None, look.legend_size
    while True:
        for rows in range(1, len(handles) + 1):
            columns = -(-len(handles) // rows)
            if columns > _COLUMNS or -(-len(handles) // columns) != rows:
                continue
            for words in (names, brief):
                if legend is not None:
                    legend.remove()
                legend = make(
                    handles,
                    words,
                    ncols=columns,
                    fontsize=size,
                    frameon=False,
                    borderaxespad=pad / size,
                    handlelength=1.6,
                    columnspacing=1.5,
                    **options,
                )
                if legend.get_window_extent().width <= _WIDEST * figure.bbox.width:
                    return legend
        if size < _LEAST:
            return legend
        size *= 0.9
