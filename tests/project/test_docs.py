"""The pages of the documentation that draw their own pictures."""

import importlib.util
import warnings
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def run_page():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("run_page", DOCS / "run_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run


def test_masks_for_gammapy(run_page, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("gammapy.maps", exc_type=ImportError)
    from matplotlib.image import imread

    pictures = run_page(DOCS / "masks-for-gammapy.md", tmp_path)
    assert len(pictures) == 10
    for picture in pictures:
        # More than an empty page.
        assert imread(picture).std() > 0.05, picture


def test_a_line_that_is_not_so(run_page, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```{doctest}\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(AssertionError, match=r"Expected:\n *3"):
        run_page(page)
    page.write_text("![nothing](nothing.png)\n")
    with pytest.raises(AssertionError, match="line 1: nothing is drawn"):
        run_page(page)
