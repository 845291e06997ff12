"""Fixtures for pages in a real browser: a headless Chromium that playwright drives. Skipped where either is missing."""

import os
import shutil
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Without WebGL, and with it on the processor, which is slower.
_NO_GL = ("--disable-gpu",)
_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_LOCAL = ("file:", "data:", "blob:", "about:")


@pytest.fixture(scope="session")
def chromium():
    """Function that gives the browser, playwright's object, with WebGL or without."""
    driver = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("HPMASK_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium or Chrome")
    with driver.sync_playwright() as playwright:
        browsers = {}

        def chromium(webgl=False):
            if webgl not in browsers:
                options = [*_OPTIONS, *(_GL if webgl else _NO_GL)]
                browsers[webgl] = playwright.chromium.launch(executable_path=path, args=options)
            return browsers[webgl]

        yield chromium
        for browser in browsers.values():
            browser.close()


@pytest.fixture
def opened(chromium):
    """Function that opens a file or URL in the browser and returns playwright's page.

    At the end of the test, each page must have been without errors and warnings in the console and, unless `network` is
    true, without requests to the network.
    """
    contexts, faults = [], []

    def opened(
        place,
        fragment="",
        *,
        size=(1280, 800),
        dark=False,
        network=False,
        route=None,
        faulty=False,
        webgl=False,
        **options,
    ):
        context = chromium(webgl).new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        if not faulty:
            page.on("pageerror", lambda error: faults.append(f"error: {error}"))
            page.on("console", lambda one: faults.append(one.text) if one.type in ("error", "warning") else None)
        if route is not None:
            page.route("**/*", route)
        if not network:
            page.on("request", lambda one: None if one.url.startswith(_LOCAL) else faults.append(f"request: {one.url}"))
        url = place if isinstance(place, str) and "://" in place else Path(place).resolve().as_uri()
        page.goto(url + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def viewed(opened, tmp_path):
    """Function that makes the page of a mask or of layers, opens it and waits until its map is drawn."""

    def viewed(masks, fragment="", *, size=(1280, 800), browser=None, **options):
        path = tmp_path / f"page{len(list(tmp_path.iterdir()))}.html"
        view(masks, path, open=False, **options)
        page = opened(path, fragment, size=size, **(browser or {}))
        drawn(page)
        return page

    from hpmask.plotting.page import view

    return viewed


def drawn(page):
    """Wait until the map is drawn in full detail."""
    page.wait_for_selector("body[data-drawn=full]", timeout=20_000)
