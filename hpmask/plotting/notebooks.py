"""The previews of masks and sets in notebooks, as HTML."""

from __future__ import annotations

import html as _html
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

from hpmask.core.value import MaskValue
from hpmask.plotting.static import plot
from hpmask.plotting.styles import has_matplotlib

__all__ = ["html", "set_html"]


# The picture of a set with more layers would not be readable.
_MOST_LAYERS = 8


def html(mask: MaskValue) -> str:
    """The preview of a mask in notebooks, as HTML: its facts, and a small picture if matplotlib is installed."""
    facts = repr(mask).removeprefix("<").removesuffix(">").split(" | ")
    text = "<br>".join(_html.escape(fact) for fact in facts)
    return (
        '<div class="hpmask" style="display: flex; align-items: center; gap: 1em">'
        f'{_picture(mask, "the mask on the sky")}<div style="line-height: 1.5">{text}</div></div>'
    )


def _picture(masks: MaskValue | Mapping[str, MaskValue], text: str) -> str:
    """A small picture as an HTML element, or nothing if matplotlib is not installed."""
    if not has_matplotlib():
        return ""
    from matplotlib.figure import Figure

    several = isinstance(masks, Mapping)
    # A layout would take as long as the picture.
    figure = Figure(figsize=(4.4, 2.8 if several else 2.4), dpi=100)
    figure.subplots_adjust(left=0.09, right=0.91, top=0.95, bottom=0.25 if several else 0.05)
    plot(masks, figure=figure, legend=several)
    png = BytesIO()
    # The page is drawn, too: notebooks may be dark.
    figure.savefig(png, format="png")
    return f'<img alt="{text}" src="data:image/png;base64,{b64encode(png.getvalue()).decode()}"/>'


def set_html(layers: Mapping[str, MaskValue], name: str) -> str:
    """The preview of a set in notebooks, as HTML: a picture of all layers, and a row for each."""
    rows = []
    for bit, (layer, mask) in enumerate(layers.items()):
        facts = repr(mask).removeprefix("<").removesuffix(">").split(" | ")
        cells = [str(bit), layer, *(", ".join(part) for part in (facts[1:-2], facts[-1:]))]
        cells.insert(2, str(mask.order))
        rows.append("".join(f"<td>{_html.escape(cell)}</td>" for cell in cells))
    heads = "".join(f"<th>{word}</th>" for word in ("bit", "name", "order", "energy", "kept"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    picture = _picture(layers, "the layers on the sky") if len(layers) <= _MOST_LAYERS else ""
    return f'<div class="hpmask"><p>{_html.escape(name)}</p>{picture}<table><tr>{heads}</tr>{body}</table></div>'
