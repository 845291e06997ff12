"""The built pages: their links, anchors and pictures, read as files.

They are in the folder that HPMASK_SITE names, as ``sphinx-build -b html docs FOLDER`` makes it.
"""

from __future__ import annotations

import os
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = os.environ.get("HPMASK_SITE")
if not SITE:
    pytest.skip("HPMASK_SITE is not set: the pages are not built", allow_module_level=True)
ROOT = Path(SITE).resolve()
PAGES = sorted(path for path in ROOT.rglob("*.html") if "_static" not in path.parts and "_modules" not in path.parts)
SECTIONS = ["start", "manuals", "gallery/index", "guides", "faq", "api", "project"]


class Page(HTMLParser):
    """The links, the anchors and the pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.pictures: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and (link := given.get("href")):
            self.links.append(link)
        if tag == "img":
            self.pictures.append((given.get("src") or "", given.get("alt")))


@cache
def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def broken(path: Path, link: str) -> bool:
    """Whether a link within the site leads to nothing."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    return bool(parts.fragment) and target.suffix == ".html" and unquote(parts.fragment) not in page(target).anchors


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures(path):
    assert [link for link in page(path).links if link != "#" and broken(path, link)] == []
    for source, words in page(path).pictures:
        assert source.startswith(("data:", "https:")) or (path.parent / unquote(source)).is_file(), source
        # A thumbnail of the gallery stands beside its title.
        assert words or source.endswith("_thumb.png"), f"{source} has no alternative text"


def test_a_broken_link_is_noticed():
    index = ROOT / "index.html"
    assert broken(index, "no-such-page.html")
    assert broken(index, "faq.html#no-such-question")
    assert not broken(index, "faq.html#which-order")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_sections_are_in_the_navigation(path):
    targets = {(path.parent / urlsplit(link).path).resolve() for link in page(path).links if urlsplit(link).path}
    assert {ROOT / f"{name}.html" for name in SECTIONS} - {path} <= targets
