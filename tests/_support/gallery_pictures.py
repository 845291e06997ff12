"""The pictures of the gallery's examples, reduced to 64 x 48 blocks, and a comparison that does not depend on fonts.

    python tests/_support/gallery_pictures.py [NAME ...]

draws the references again, of all examples or of those that are named. Look at them before you commit them.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXAMPLES", "REFERENCES", "difference", "draw", "identifier", "reference"]

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "gallery").glob("*/*.py"))
REFERENCES = ROOT / "tests" / "project" / "gallery"

WIDTH, HEIGHT = 64, 48
# A block agrees if it is within this of the values of the blocks around it in the other picture (of 255).
TOLERANCE = 32
# The part of the blocks that may differ, such as labels. Other fonts and sizes of titles change 0.0007 at most, and
# wrong levels of a credible region, in a picture of the whole sky, 0.008.
MAY_DIFFER = 0.003

Blocks = NDArray[np.uint8]


def identifier(example: Path) -> str:
    """The name of an example: its folder and its own name."""
    return f"{example.parent.name}-{example.stem}"


def draw(example: Path, source: str | None = None) -> list[Blocks]:
    """Run an example as a script, in its folder, with warnings as errors. Returns the blocks of each of its figures.

    `source` is a changed text of it, for errors that are planted.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plain, folder, show = dict(matplotlib.rcParamsDefault), Path.cwd(), pyplot.show
    plain.pop("backend", None)
    pyplot.close("all")
    try:
        os.chdir(example.parent)
        # There is no window to show.
        pyplot.show = lambda: None
        with warnings.catch_warnings(), matplotlib.rc_context(plain), open(os.devnull, "w") as nowhere:
            warnings.simplefilter("error")
            standard, sys.stdout = sys.stdout, nowhere
            try:
                if source is None:
                    runpy.run_path(str(example), run_name="__main__")
                else:
                    exec(compile(source, str(example), "exec"), {"__name__": "__main__"})
            finally:
                sys.stdout = standard
            return [_blocks(pyplot.figure(number)) for number in pyplot.get_fignums()]
    finally:
        pyplot.show = show
        os.chdir(folder)
        pyplot.close("all")


def _blocks(figure) -> Blocks:
    from PIL import Image

    file = io.BytesIO()
    figure.savefig(file, dpi=100, facecolor="white")
    with Image.open(file) as image:
        small = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return np.asarray(small)


def difference(picture: Blocks, other: Blocks) -> float:
    """The part of the blocks that differ by more than a small shift of the picture can explain."""
    one, two = picture.astype(int), other.astype(int)
    wrong = _outside(one, two) | _outside(two, one)
    return float(wrong.mean())


def _outside(picture, other) -> NDArray[np.bool_]:
    """Which blocks have a value that no mixture of the blocks around them in the other picture has."""
    padded = np.pad(other, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    low, high = around.min(axis=(-2, -1)) - TOLERANCE, around.max(axis=(-2, -1)) + TOLERANCE
    return ((picture < low) | (picture > high)).any(axis=-1)


def reference(example: Path) -> list[Blocks]:
    """The pictures of an example as they should be."""
    from PIL import Image

    pictures = []
    for path in sorted(REFERENCES.glob(f"{identifier(example)}-[0-9].png")):
        with Image.open(path) as image:
            pictures.append(np.asarray(image.convert("RGB")))
    return pictures


def main(names: list[str]) -> None:
    """Draw references, and remove those of examples that are gone."""
    from PIL import Image

    REFERENCES.mkdir(exist_ok=True)
    known = {identifier(example) for example in EXAMPLES}
    for path in REFERENCES.glob("*.png"):
        if path.stem.rpartition("-")[0] not in known:
            path.unlink()
    for example in EXAMPLES:
        if names and not any(name in identifier(example) for name in names):
            continue
        for path in REFERENCES.glob(f"{identifier(example)}-[0-9].png"):
            path.unlink()
        for number, blocks in enumerate(draw(example), start=1):
            # The tolerance is far larger than what is rounded here, and the files are smaller.
            Image.fromarray(blocks & 0xF8 | 0x04).save(
                REFERENCES / f"{identifier(example)}-{number}.png", optimize=True
            )


if __name__ == "__main__":
    main(sys.argv[1:])
