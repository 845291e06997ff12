"""The examples of the gallery: each runs as a script, is short, has a title and a text, and draws what it should."""

import ast
import re
import warnings
from pathlib import Path

import gallery_pictures
import numpy as np
import pytest
from gallery_pictures import EXAMPLES, MAY_DIFFER, REFERENCES, difference, draw, identifier, reference

ROOT = Path(__file__).parents[2]
TEXT = {identifier(example): example.read_text(encoding="utf-8") for example in EXAMPLES}
each = pytest.mark.parametrize("example", EXAMPLES, ids=identifier)


def need(example):
    """Skip an example if a package that it imports is not there."""
    pytest.importorskip("matplotlib")
    for node in ast.walk(ast.parse(TEXT[identifier(example)])):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            with warnings.catch_warnings():
                # Those of other packages, when they are imported.
                warnings.simplefilter("ignore")
                pytest.importorskip(name, exc_type=ImportError)


# ---------------------------------------------------------------------- the texts


def test_there_are_thirty():
    assert len(EXAMPLES) >= 30


@each
def test_title_and_text(example):
    text = ast.get_docstring(ast.parse(TEXT[identifier(example)]))
    title, line, empty, *words = text.splitlines()
    assert line == "=" * len(title)
    assert not empty
    assert len(" ".join(words)) > 80
    assert all(len(row) <= 88 for row in TEXT[identifier(example)].splitlines())


@each
def test_at_most_45_lines_of_code(example):
    code = TEXT[identifier(example)].split('"""\n', 1)[1].split('"""\n', 1)[1]
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    assert 5 <= len(lines) <= 45
    assert lines[-1] == "plt.show()"


def test_titles_differ():
    titles = [text.splitlines()[1] for text in TEXT.values()]
    assert len(titles) == len(set(titles))


def test_groups_are_in_the_order_of_the_configuration():
    groups = re.findall(r'^    "(\w+)",$', re.search(r"^GROUPS = \[\n(.*?)^\]", conf(), re.M | re.S)[1], re.M)
    assert sorted(groups) == sorted({example.parent.name for example in EXAMPLES})
    for group in groups:
        assert (ROOT / "examples" / "gallery" / group / "GALLERY_HEADER.rst").exists()


def conf():
    return (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")


# ---------------------------------------------------------------------- the pictures


@pytest.mark.deep
@each
def test_pictures(example):
    need(example)
    pictures, expected = draw(example), reference(example)
    assert len(pictures) == len(expected) >= 1
    for number, (picture, other) in enumerate(zip(pictures, expected, strict=True), start=1):
        assert difference(picture, other) <= MAY_DIFFER, f"figure {number} of {identifier(example)}"


def test_references_are_small_and_belong_to_an_example():
    files = list(REFERENCES.iterdir())
    assert sum(file.stat().st_size for file in files) < 400_000
    assert {file.stem.rpartition("-")[0] for file in files} == set(TEXT)


def of(name):
    (example,) = (example for example in EXAMPLES if identifier(example) == name)
    need(example)
    return example


PLANTED = [
    # A margin, a part of the sky, a mode, a level.
    ("first_masks-galactic_plane", '"-2 deg", "2 deg"', '"-4 deg", "4 deg"'),
    ("first_masks-galactic_plane", "~(sources | plane)", "~sources"),
    ("first_masks-combine", '"a - b": a - b', '"a - b": b - a'),
    ("first_masks-modes", "radius, order=6, mode=mode", 'radius, order=6, mode="center"'),
    ("morphology-dilate_erode", 'mask.dilate("0.5 deg")', 'mask.dilate("1 deg")'),
    ("sky_maps-credible_region", "[0.5, 0.9]", "[0.1, 0.5]"),
]


@pytest.mark.deep
@pytest.mark.parametrize(("name", "right", "wrong"), PLANTED)
def test_a_wrong_mask_is_noticed(name, right, wrong):
    example = of(name)
    assert TEXT[name].count(right) == 1
    pictures = draw(example, TEXT[name].replace(right, wrong))
    assert max(map(difference, pictures, reference(example))) > 2 * MAY_DIFFER


@pytest.mark.deep
@pytest.mark.parametrize("name", ["first_masks-combine", "first_masks-modes", "surveys-flags", "images-projections"])
def test_another_font_is_not_a_difference(name):
    example = of(name)
    text = TEXT[name].replace(
        "import matplotlib.pyplot as plt\n",
        'import matplotlib.pyplot as plt\nplt.rcParams["font.family"] = "DejaVu Serif"\n',
        1,
    )
    pictures = draw(example, text)
    assert max(map(difference, pictures, reference(example))) <= MAY_DIFFER


def test_the_measure_of_a_difference():
    rng = np.random.default_rng(1)
    picture = np.full((48, 64, 3), 255, dtype=np.uint8)
    picture[10:30, 15:40] = [180, 70, 45]
    noisy = np.clip(picture + rng.integers(-20, 20, picture.shape), 0, 255).astype(np.uint8)
    assert difference(picture, noisy) == 0
    assert difference(picture, np.roll(picture, 1, axis=1)) == 0
    assert difference(picture, np.roll(picture, 3, axis=1)) > 2 * MAY_DIFFER
    lost = picture.copy()
    lost[20:30, 15:40] = 255
    assert difference(picture, lost) > 2 * MAY_DIFFER


def test_examples_are_run_with_warnings_as_errors(tmp_path):
    pytest.importorskip("matplotlib")
    example = tmp_path / "example.py"
    example.write_text("import warnings\nwarnings.warn('changed')\n")
    with pytest.raises(UserWarning, match="changed"):
        gallery_pictures.draw(example)
