"""Runs a page of the documentation: its doctest blocks, and the pictures that it shows.

    python docs/run_page.py docs/masks-for-gammapy.md

What a block leaves as the current figure of pyplot becomes the picture that the page shows after it, so that a picture
is what the lines above it draw.
"""

from __future__ import annotations

import doctest
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

__all__ = ["run"]

_BLOCK = re.compile(r"^```\{doctest\}\n(?P<code>.*?)^```$|^!\[.*?\]\((?P<picture>[\w./-]+)\)", re.M | re.S)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(page: Path, pictures: Path | None = None) -> list[Path]:
    """Run a page and draw its pictures.

    Parameters
    ----------
    page : path
        A page with doctest blocks.
    pictures : path, optional
        Where the paths of pictures begin: by default where the page is.

    Returns
    -------
    list of path
        The pictures.

    Raises
    ------
    AssertionError
        If a line gives something else than the page says, or a picture has no figure.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    drawn = []
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Files that the page writes are no part of the documentation.
        os.chdir(scratch)
        try:
            for found in _BLOCK.finditer(text):
                line = text.count("\n", 0, found.start()) + 1
                if found["code"] is not None:
                    test = doctest.DocTestParser().get_doctest(found["code"], names, page.name, str(page), line)
                    said: list[str] = []
                    runner.run(test, out=said.append, clear_globs=False)
                    names = test.globs
                    assert runner.failures == 0, "".join(said)
                    continue
                assert pyplot.get_fignums(), f"{page.name}, line {line}: no figure for {found['picture']}"
                picture = (home / (pictures or page.parent)).resolve() / found["picture"]
                picture.parent.mkdir(exist_ok=True, parents=True)
                pyplot.gcf().savefig(picture, dpi=110, facecolor="white", bbox_inches="tight")
                pyplot.close("all")
                drawn.append(picture)
        finally:
            os.chdir(home)
            pyplot.close("all")
    return drawn


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(*run(Path(argument).resolve()), sep="\n")
