"""The previews of masks and sets in notebooks."""

import base64
import io
import re
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask, MaskSet

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

from hpmask.plotting import styles  # noqa: E402

HOLE = ~Mask.from_cones(SkyCoord(83.633, 22.014, unit="deg"), "15 deg", order=6)


def picture_of(html):
    return plt.imread(io.BytesIO(base64.b64decode(re.search(r'base64,([^"]+)"', html)[1])))


def count(image, colour, alpha=1.0):
    mixed = alpha * np.array(to_rgb(colour)) + 1 - alpha
    return (np.abs(image[..., :3] - mixed).max(axis=-1) < 0.02).sum()


def test_facts_and_picture():
    html = HOLE._repr_html_()
    for fact in repr(HOLE).strip("<>").split(" | "):
        assert fact in html
    image = picture_of(html)
    assert count(image, styles.KEPT) > 10 * count(image, styles.EXCLUDED) > 0
    assert not plt.get_fignums()


def test_a_footprint_is_not_drawn_as_an_exclusion_mask():
    image = picture_of((~HOLE)._repr_html_())
    assert count(image, styles.EXCLUDED) + count(image, styles.KEPT) < 20
    assert count(image, styles.PAIRS[0][0], styles.SHARED) > 100


def test_sets_have_one_picture_of_all_layers():
    axis = EnergyAxis([1, 10, 100] * u.GeV)
    masks = MaskSet({"<b>": ~HOLE, "bins": Mask.full(energy=axis)})
    html = masks._repr_html_()
    assert html.count("<img") == 1
    assert "<td>&lt;b&gt;</td><td>6</td>" in html
    assert "MaskSet icrs order=6 | 2 layers" in html
    assert count(picture_of(html), styles.PAIRS[0][0], styles.SHARED) > 100
    many = MaskSet({f"{i}": HOLE for i in range(12)})
    assert "<img" not in many._repr_html_()
    assert not plt.get_fignums()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    html = HOLE._repr_html_()
    assert "<img" not in html
    assert "icrs order=6" in html
    assert "<img" not in MaskSet({"a": HOLE})._repr_html_()
