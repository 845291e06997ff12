"""The command `hpmask view`."""

import json
import re

import pytest

from hpmask import Mask, MaskSet
from hpmask.plotting.page import page as pages


@pytest.fixture(autouse=True)
def browser(monkeypatch):
    """The URLs that were opened."""
    urls = []
    monkeypatch.setattr(pages.webbrowser, "open", lambda url: urls.append(url) or True)
    return urls


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])


def names(path):
    return [layer["name"] for layer in data_of(path.read_text("utf-8"))["layers"]]


def test_a_page_is_opened(run, star, browser):
    result = run("view", "star.fits")
    assert browser[0].endswith("view.html")
    assert result.stdout.strip() in browser[0]


def test_a_page_is_written(run, star, foot, tmp_path, browser):
    run("view", "star.fits", "foot.fits", "-o", "sky.html", "--no-open", "--center", "14.5 23", "--width", "5 deg")
    assert browser == []
    data = data_of((tmp_path / "sky.html").read_text("utf-8"))
    assert data["title"] == "star, foot"
    assert data["view"]["width"] == 5
    assert names(tmp_path / "sky.html") == ["star", "foot"]
    result = run("view", "star.fits", "-o", "sky.html", code=1)
    assert "--overwrite replaces it" in result.stderr
    run("view", "star.fits", "-o", "sky.html", "--overwrite")
    assert browser == [(tmp_path / "sky.html").resolve().as_uri()]


def test_layers_of_sets(run, star, tmp_path):
    MaskSet({"star": Mask.empty(), "halo": Mask.full()}).write("set.fits")
    run("view", "set.fits", "-o", "set.html", "--no-open")
    assert names(tmp_path / "set.html") == ["star", "halo"]
    run("view", "set.fits", "star.fits", "-o", "both.html", "--no-open")
    assert names(tmp_path / "both.html") == ["set: star", "halo", "star"]
    run("view", "set.fits::halo", "-o", "one.html", "--no-open")
    assert names(tmp_path / "one.html") == ["halo"]


def test_errors(run, star):
    assert "given twice" in run("view", "star.fits", "star.fits", "--no-open", code=1).stderr
    assert "width needs the position" in run("view", "star.fits", "--width", "3 deg", "--no-open", code=1).stderr
    assert "no energy bins" in run("view", "star.fits", "--energy", "3 GeV", "--no-open", code=1).stderr


def test_a_page_on_standard_output(star, piped, tmp_path):
    html = piped(None, "view", tmp_path / "star.fits", "-o", "-")
    assert data_of(html.decode())["title"] == "star"


def test_without_a_browser(run, star, monkeypatch):
    monkeypatch.setattr(pages.webbrowser, "open", lambda url: False)
    result = run("view", "star.fits")
    assert result.stdout.strip().endswith("view.html")
    assert "no browser was found" in result.stderr
