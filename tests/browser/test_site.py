"""The built pages in a real browser, on a wide screen and on a telephone: what is cut off, and what the search finds.

They are in the folder that HPMASK_SITE names, as ``sphinx-build -b html docs FOLDER`` makes it.
"""

import os
from pathlib import Path

import pytest

if not os.environ.get("HPMASK_SITE"):
    pytest.skip("HPMASK_SITE is not set: the pages are not built", allow_module_level=True)
SITE = Path(os.environ["HPMASK_SITE"]).resolve()
PAGES = sorted(path.stem for path in SITE.glob("*.html") if path.stem not in ("genindex", "search", "py-modindex"))
SECTIONS = ["Start", "Manuals", "Gallery", "Guides", "FAQ", "Reference", "Project"]
WIDE, NARROW = (1280, 900), (390, 844)

# Text in boxes of code that is cut off, and what sticks out of the page.
_CUT = """() => [...document.querySelectorAll('article pre')]
    .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent.slice(0, 100))"""
_WIDTH = "() => document.documentElement.scrollWidth"
_UNLOADED = "() => [...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"


@pytest.fixture(scope="module")
def page(chromium):
    """A page of the browser, without network: the program that draws formulas is elsewhere."""
    page = chromium().new_page()
    page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    yield page
    page.close()


@pytest.fixture
def shown(page):
    """Function that opens a page of the site."""

    def shown(name, size=WIDE, fragment=""):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{SITE.as_uri()}/{name}.html{fragment}", wait_until="load")
        return page

    return shown


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off(shown, name):
    page = shown(name)
    assert page.evaluate(_WIDTH) <= WIDE[0]
    assert page.evaluate(_CUT) == []
    assert page.evaluate(_UNLOADED) == []
    sections = page.locator(".navbar-nav").first.locator("a").all_inner_texts()
    assert [one.strip() for one in sections] == SECTIONS
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    # Code scrolls in its box; all else fits the screen.
    assert page.evaluate(_WIDTH) <= NARROW[0]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("degrade", "coming-from"),
        ("cone", "generated/hpmask.Mask.from_cones"),
        ("fracdet", "coming-from"),
        ("randoms", "randoms"),
        ("exclusion", "for-gammapy"),
        ("mollview", "coming-from"),
    ],
)
def test_search(shown, words, found):
    page = shown("search", fragment=f"?q={words}")
    page.wait_for_selector("#search-results ul.search li a")
    page.wait_for_function("() => /finished/i.test(document.querySelector('.search-summary')?.textContent)")
    links = page.locator("#search-results li a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert any(link.startswith(f"{found}.html") for link in links[:20]), links


def test_what_is_cut_off_is_noticed(shown):
    page = shown("index")
    page.evaluate(
        """() => {
            const box = document.createElement('pre')
            box.textContent = 'x'.repeat(300)
            box.style.whiteSpace = 'pre'
            document.querySelector('article').append(box)
        }"""
    )
    assert page.evaluate(_CUT) == ["x" * 100]
