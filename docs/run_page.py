"""Runs a page of the documentation: its doctest blocks, and the pictures that it shows.

    python docs/run_page.py docs/masks-for-gammapy.md

What a block leaves as the current figure of pyplot becomes the picture that the page shows after it, so that a picture
is what the lines above it draw. The build of the pages runs it.
"""

from __future__ import annotations

import doctest
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib

__all__ = ["run"]

_PART = re.compile(r"^```\{doctest\}\n(?P<code>.*?)^```$|^!\[[^]]*\]\((?P<picture>[\w./-]+)\)$", re.M | re.S)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(page: Path, folder: Path | None = None) -> list[Path]:
    """Run a page and draw its pictures.

    Parameters
    ----------
    page : path
        A page with doctest blocks.
    folder : path, optional
        Where the paths of pictures begin, by default where the page is.

    Returns
    -------
    list of path
        The pictures.

    Raises
    ------
    AssertionError
        If a line gives something else than the page says, or there is no figure for a picture.
    """
    matplotlib.use("Agg")
    from matplotlib import pyplot

    text = page.read_text(encoding="utf-8")
    runner = doctest.DocTestRunner(optionflags=_FLAGS, verbose=False)
    names: dict[str, Any] = {}
    drawn = []
    with warnings.catch_warnings(), matplotlib.rc_context(), pyplot.ioff():
        # What other packages warn of is not what the page is about.
        warnings.simplefilter("ignore")
        for part in _PART.finditer(text):
            line = text.count("\n", 0, part.start())
            if part["code"] is not None:
                block = doctest.DocTestParser().get_doctest(part["code"], names, page.name, str(page), line + 1)
                said: list[str] = []
                failed, _ = runner.run(block, out=said.append, clear_globs=False)
                assert not failed, "".join(said)
                names = block.globs
                continue
            assert pyplot.get_fignums(), f"{page.name}, line {line + 1}: nothing is drawn for {part['picture']}"
            picture = (folder or page.parent) / part["picture"]
            picture.parent.mkdir(exist_ok=True, parents=True)
            pyplot.gcf().savefig(picture, dpi=110, facecolor="white", bbox_inches="tight")
            pyplot.close("all")
            drawn.append(picture)
    return drawn


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(*run(Path(argument)), sep="\n")
