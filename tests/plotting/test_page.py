"""Pages for browsers, without a browser: what is in them. `tests/browser` opens them."""

import json
import re
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from profiles import examples

from hpmask import EnergyAxis, Mask, MaskSet, RangeSet
from hpmask.plotting import view
from hpmask.plotting.page import page as pages
from hpmask.plotting.page.pack import packed, variable_length


def unpacked(plane):
    """A packed set of cells, read byte by byte."""
    total, cells, value, place = 0, [], 0, 0
    for byte in zlib.decompress(b64decode(plane["data"])):
        value |= (byte & 127) << place
        place += 7
        if byte < 128:
            total += value
            cells.append(total)
            value, place = 0, 0
    assert len(cells) == plane["count"]
    assert place == 0
    ranges = np.array(cells, dtype=np.uint64).reshape(-1, 2) << np.uint64(2 * (29 - plane["order"]))
    return RangeSet.from_ranges(ranges, plane["order"])


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.html, re.S)[1])


@given(st.integers(0, 29), st.lists(st.integers(0, 12 * 4**29 - 1), max_size=30))
@examples(200)
def test_packed_sets_are_the_same(order, numbers):
    plane = RangeSet.from_cells(np.unique(np.array(numbers, dtype=np.uint64) >> np.uint64(2 * (29 - order))), order)
    assert unpacked(packed(plane)) == plane


def test_variable_length_numbers_of_all_sizes():
    values = [0, 1, 127, 128, 16383, 16384, 2**32, 2**53 + 1, 12 * 4**29, 2**63]
    found, value, place = [], 0, 0
    for byte in variable_length(np.array(values, dtype=np.uint64)):
        value |= (byte & 127) << place
        place += 7
        if byte < 128:
            found.append(value)
            value, place = 0, 0
    assert found == values
    assert variable_length(np.array([], dtype=np.uint64)) == b""


def test_the_data_of_a_mask_with_energy_bins():
    axis = EnergyAxis([1, 10, 100, 1000] * u.GeV)
    disc = Mask.from_regions("icrs; circle(10, 20, 5)", order=7)
    mask = Mask.stack([disc, ~disc, disc], energy=axis)
    data = data_of(mask.view(energy="200 GeV", open=False))
    assert data["energies"] == ["1-10 GeV", "10-100 GeV", "100-1000 GeV"]
    assert data["bin"] == 2
    (layer,) = data["layers"]
    assert layer["bins"][0] == layer["bins"][2] != layer["bins"][1]
    assert [unpacked(data["planes"][k]) for k in layer["bins"]] == list(mask.planes)
    # Equal planes are in the page once.
    assert len(data["planes"]) == 2


def test_descending_axes_and_axes_that_differ():
    down, other = EnergyAxis([100, 10, 1] * u.GeV), EnergyAxis([0.01, 0.1, 1] * u.TeV)
    data = data_of(Mask.full(energy=down).view(open=False))
    assert data["energies"] == ["10-100 GeV", "1-10 GeV"]
    assert data["layers"][0]["bins"] == [0, 0]
    data = data_of(view({"a": Mask.full(energy=down), "b": Mask.full(energy=other)}, open=False))
    assert data["energies"] == ["1-10 GeV", "10-100 GeV", "100-1000 GeV"]
    assert [[k >= 0 for k in layer["bins"]] for layer in data["layers"]] == [[True, True, False], [False, True, True]]
    assert data["layers"][0]["areas"][2] == "no bin at this energy"


def test_the_style_fits_the_masks():
    disc = Mask.from_regions("icrs; circle(10, 20, 5)", order=7)
    styles = [data_of(view(one, open=False))["style"] for one in (disc, ~disc, {"a": ~disc, "b": disc})]
    assert styles == ["footprint", "exclusion", "footprint"]
    assert data_of(disc.view(style="outline", open=False))["style"] == "outline"


def test_the_first_view():
    mask = Mask.full(frame="galactic")
    first = data_of(mask.view(open=False))["view"]
    assert (first["frame"], first["lon"], first["width"]) == ("galactic", 0, None)
    coord = SkyCoord(83.63, 22.01, unit="deg")
    there = coord.galactic
    for center in (coord, f"{there.l.deg} {there.b.deg}"):
        first = data_of(mask.view(center=center, width="90 arcmin", projection="sin", open=False))["view"]
        assert (first["lon"], first["lat"]) == pytest.approx((there.l.deg, there.b.deg))
        assert (first["width"], first["projection"]) == (1.5, "sphere")
    assert data_of(mask.view(center="-30 deg", open=False))["view"]["lon"] == 330
    disc = Mask.from_cones(SkyCoord(350, 20, unit="deg"), "3 deg", order=8)
    first = data_of(disc.view(center="auto", width="10 deg", open=False))["view"]
    assert (first["lon"], first["lat"]) == pytest.approx((350, 20), abs=0.1)
    whole = data_of(disc.view(center="auto", open=False))["view"]
    assert whole["lon"] == pytest.approx(350, abs=3)
    assert whole["lat"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"style": "filled"}, "style must be"),
        ({"width": "3 deg"}, "width needs the position in the middle"),
        ({"width": "3 m", "center": "1 2"}, "width must be an angle"),
        ({"projection": "TAN"}, "projection must be 'MOL', 'AIT' or 'SIN'"),
        ({"frame": "fk5"}, "frame must be"),
        ({"energy": "3 GeV"}, "there are no energy bins"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"title": 3}, "title must be a string"),
        ({"background": " "}, "background must be the name of a survey"),
        ({"aladin": 3}, "aladin must be True, a URL or a path"),
        ({"center": SkyCoord([1, 2], [3, 4], unit="deg")}, "center must be one position"),
        ({"center": "1 2 3 4"}, "position"),
    ],
)
def test_errors_name_the_argument(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Mask.full().view(open=False, **options)


def test_errors_of_layers_and_energies():
    with pytest.raises(TypeError, match="masks must be a Mask or a mapping"):
        view([Mask.full()], open=False)
    with pytest.raises(TypeError, match=r"masks\['a'\] must be a Mask"):
        view({"a": 3}, open=False)
    with pytest.raises(ValueError, match="energy must lie in one of the bins"):
        Mask.full(energy=EnergyAxis([1, 10] * u.GeV)).view(energy="20 GeV", open=False)


def test_a_page_that_would_be_too_large_is_coarser():
    rng = np.random.default_rng(1)
    coord = SkyCoord(rng.uniform(0, 360, 300), rng.uniform(-80, 80, 300), unit="deg")
    masks = MaskSet({"fine": Mask.from_cones(coord, "20 arcmin", order=12), "coarse": Mask.full(order=2)})
    with pytest.warns(UserWarning, match="order .* fine has order 12"):
        page = masks.view(max_bytes=20_000, open=False)
    assert page.order < 12
    data = data_of(page)
    assert sum(len(plane["data"]) for plane in data["planes"]) <= 20_000
    assert unpacked(data["planes"][data["layers"][0]["bins"][0]]) == masks["fine"].at_order(page.order).planes[0]
    assert "fine has order 12" in data["notes"][0]
    assert masks.view(open=False).order == 12


def test_names_do_not_end_the_data():
    evil = "</script><img src=x onerror=alert(1)>$title"
    page = view({evil: Mask.full()}, title=evil, open=False)
    assert "<img" not in page.html
    assert page.html.count("</script>") == 2
    assert data_of(page)["layers"][0]["name"] == evil


def test_the_policy_allows_the_code_of_the_page_and_no_request():
    page = Mask.full().view(open=False)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page.html)[1]
    script = re.search(r"<script>(.*?)</script>", page.html, re.S)[1]
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"connect-src|https?:", policy)
    assert not re.search(r'(src|href)="(?!data:)', page.html)
    with_survey = Mask.full().view(background="CDS/P/DSS2/color", aladin="https://my.org/x/aladin.js", open=False)
    assert "https://my.org;" in with_survey.html
    assert data_of(with_survey)["aladin"] == "https://my.org/x/aladin.js"


def test_aladin_from_a_file(tmp_path):
    code = tmp_path / "aladin.js"
    code.write_text("const aladin = '</script>';export{aladin as default};")
    page = Mask.full().view(aladin=code, open=False)
    text = re.search(r'id="aladin-code">([^<]*)</script>', page.html)[1]
    assert b64decode(text).decode() == code.read_text()
    code.write_text("something else")
    with pytest.raises(ValueError, match=r"must be the file dist/aladin\.js"):
        Mask.full().view(aladin=code, open=False)
    with pytest.raises(FileNotFoundError):
        Mask.full().view(aladin=tmp_path / "none.js", open=False)


# ---------------------------------------------------------------------- the object


@pytest.fixture
def browser(monkeypatch):
    """The URLs that were opened."""
    urls = []
    monkeypatch.setattr(pages.webbrowser, "open", lambda url: urls.append(url) or True)
    return urls


def test_pages_are_opened_and_saved(tmp_path, browser, monkeypatch):
    page = Mask.full().view()
    assert browser == [page.path.as_uri()]
    assert page.path.read_text("utf-8") == page.html
    path = tmp_path / "sky.html"
    page = Mask.full().view(path)
    assert len(browser) == 1
    assert Path(page) == path.resolve()
    with pytest.raises(FileExistsError):
        Mask.full().view(path)
    Mask.empty().view(path, overwrite=True, open=True)
    assert len(browser) == 2
    assert repr(page).startswith("<Page 'Mask' | order=0")
    monkeypatch.setattr(pages.webbrowser, "open", lambda url: False)
    with pytest.warns(UserWarning, match="no browser was found: the page is"):
        Mask.full().view(open=True)


def test_notebooks_show_a_frame_and_open_nothing(browser, monkeypatch):
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setitem(pages.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    page = Mask.full().view(title='a "title"')
    assert browser == []
    assert page.path is None
    frame = page._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'title="a &quot;title&quot;"' in frame
    monkeypatch.setitem(pages.sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    Mask.full().view()
    assert len(browser) == 1


# ---------------------------------------------------------------------- ipyaladin


def test_masks_in_ipyaladin():
    ipyaladin = pytest.importorskip("ipyaladin")
    mask = Mask.from_regions("icrs; circle(10, 20, 2)", order=7)
    aladin = ipyaladin.Aladin()
    sent = []
    aladin._send_or_queue = lambda message, buffers=None: sent.append(message)
    aladin.add_moc(mask.to_moc(), name="mask", color="red")
    cells = {int(order): numbers for order, numbers in sent[0]["moc_dict"].items()}
    there = RangeSet.union_all([RangeSet.from_cells(numbers, order) for order, numbers in cells.items()])
    assert there == mask.planes[0]
