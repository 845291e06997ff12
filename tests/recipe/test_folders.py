"""Recipes read files in their own folder and in those that are allowed, and write in the folder of the mask."""

import os
import socket

import pytest
from click.testing import CliRunner

from hpmask import Mask
from hpmask.cli import main
from hpmask.recipe import RecipeError, read_recipe
from hpmask.recipe.folders import Folders

ZONE = '[[keep]]\nzone = { lat = ["-60 deg", "60 deg"] }\n'


@pytest.fixture
def place(tmp_path):
    """A folder for recipes, beside one with a file that is none of their business."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "other").mkdir()
    Mask.full(order=3).write(tmp_path / "other" / "secret.fits")
    Mask.full(order=3).write(tmp_path / "mine" / "m.fits")
    return tmp_path / "mine"


def written(place, name, key="mask", more=""):
    path = place / "r.toml"
    path.write_text(f"order = 3\n[[keep]]\n{key} = {str(name)!r}\n{more}")
    return path


# The keys that name files, with what the entry needs besides.
KEYS = {
    "mask": "",
    "image": "",
    "map": "threshold = 1\n",
    "skymap": "",
    "regions": "",
    "catalog": 'radius = "1 deg"\n',
    "wcs": 'ds9 = "icrs; circle(1,2,3)"\n',
    "within": 'catalog = "m.fits"\nradius = "1 deg"\n',
}


@pytest.mark.parametrize("key", KEYS)
def test_files_elsewhere_are_refused(place, key):
    secret = place.parent / "other" / "secret.fits"
    (place / "link.fits").symlink_to(secret)
    (place / "folder").symlink_to(secret.parent)
    names = (
        secret,
        "../other/secret.fits",
        "m.fits/../../other/secret.fits",
        "link.fits",
        "folder/secret.fits",
        "/dev/zero",
    )
    for name in names:
        with pytest.raises(
            RecipeError, match=r"r\.toml:3: .* is not in the folder of the recipe|r\.toml:\d: "
        ) as caught:
            read_recipe(written(place, name, key, KEYS[key]))
        assert "is not in the folder of the recipe" in str(caught.value)
    # What is not there is not told apart from what is.
    with pytest.raises(RecipeError, match="is not in the folder of the recipe"):
        read_recipe(written(place, "../other/none.fits", key, KEYS[key]))


def test_lists_and_folders_with_links(place):
    path = written(place, "m.fits")
    path.write_text('order = 3\n[[keep]]\nmask = ["m.fits", "../other/secret.fits"]\n')
    with pytest.raises(RecipeError, match="is not in the folder of the recipe"):
        read_recipe(path)
    (place / "catalog" / "part").mkdir(parents=True)
    (place / "catalog" / "inside.fits").symlink_to(place / "m.fits")
    assert read_recipe(written(place, "catalog")).entries
    (place / "catalog" / "part" / "x.fits").symlink_to(place.parent / "other" / "secret.fits")
    with pytest.raises(RecipeError, match=r"x\.fits leads to .*secret\.fits, which is not in the folder"):
        read_recipe(written(place, "catalog"))


def test_folders_that_are_allowed(place, monkeypatch):
    other = place.parent / "other"
    for folders in ([other], [str(other)], [place, place.parent], ["/"], (other for _ in range(1))):
        assert read_recipe(written(place, "../other/secret.fits"), folders=folders).build() == Mask.full(order=3)
    monkeypatch.setenv("HOME", str(place.parent))
    assert read_recipe(written(place, "~/other/secret.fits"), folders=["~/other"]).build() == Mask.full(order=3)
    with pytest.raises(RecipeError, match=r"give folders=\['[^']*other'\] to allow this"):
        read_recipe(written(place, "~/other/secret.fits"))
    with pytest.raises(RecipeError, match="is not in the folder"):
        # A folder of the same beginning is another one.
        read_recipe(written(place, "../other/secret.fits"), folders=[place.parent / "mine", place / ".." / "mine"])
    with pytest.raises(TypeError, match="folders must be a list of folders"):
        read_recipe(written(place, "m.fits"), folders=str(other))
    with pytest.raises(ValueError, match="folders must be folders that exist, got '/none'"):
        read_recipe(written(place, "m.fits"), folders=["/none"])


def test_a_recipe_that_is_a_link_has_the_folder_of_the_link(place):
    path = written(place, "m.fits")
    link = place.parent / "other" / "r.toml"
    link.symlink_to(path)
    with pytest.raises(RecipeError, match="does not exist"):
        read_recipe(link)


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:9/m.fits", "file:///etc/passwd", "s3://b/m.fits", "file:m.fits", "zip::http://a/m.fits"]
)
def test_urls_are_refused_without_the_network(place, name, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    for key, more in KEYS.items():
        with pytest.raises(RecipeError, match="is a URL, and a recipe reads files of this machine only"):
            read_recipe(written(place, name, key, more))


def test_names_that_no_file_has(place):
    os.mkfifo(place / "pipe.fits")
    (place / "loop.fits").symlink_to("loop.fits")
    for name, message in (
        ("pipe.fits", "is not a regular file"),
        ("loop.fits", "is not a regular file|cannot be read"),
        ("a" * 5000, "cannot be read: File name too long"),
        ("~nobody-of-this-name/m.fits", "does not exist"),
        ("%s{0}*?[a]", "does not exist"),
        ("", "the file .* is a folder|not a"),
    ):
        with pytest.raises((RecipeError, ValueError), match=message):
            read_recipe(written(place, name)).build()
    path = written(place, "x")
    path.write_text('order = 3\n[[keep]]\nmask = "m.fits\\u0000"\n')
    with pytest.raises(RecipeError, match="NUL"):
        read_recipe(path)


@pytest.mark.parametrize("key", ["file", "plot"])
@pytest.mark.parametrize("name", ["/tmp/x.fits", "../x.fits", "a/../../x.fits", "", ".", "..", "a\\u001b[31m.fits"])
def test_cutouts_stay_in_the_folder_of_the_mask(place, key, name):
    path = place / "r.toml"
    path.write_text(f'order = 3\n{ZONE}[[cutout]]\n{key} = "{name}"\ncenter = "1 2"\nwidth = "2 deg"\n')
    with pytest.raises(
        RecipeError, match=f"r.toml:5: {key} must be the name of a file in the folder of the mask"
    ) as caught:
        read_recipe(path)
    assert str(caught.value).isprintable()


def test_cutouts_do_not_follow_links(place):
    (place / "out").symlink_to(place.parent / "other")
    (place / "a.fits").symlink_to(place.parent / "other" / "a.fits")
    for name in ("out/a.fits", "a.fits"):
        (place / "r.toml").write_text(
            f'order = 3\n{ZONE}[[cutout]]\nfile = "{name}"\ncenter = "1 2"\nwidth = "2 deg"\n'
        )
        done = CliRunner().invoke(main, ["build", f"{place}/r.toml", f"{place}/mask.fits", "--overwrite"])
        assert done.exit_code == 1
        assert "is a link out of the directory of the mask" in done.output
    assert [path.name for path in (place.parent / "other").iterdir()] == ["secret.fits"]


def test_the_option_of_the_command(place):
    written(place, "../other/secret.fits")
    words = ["build", f"{place}/r.toml", f"{place}/mask.fits"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert f"give --folder {place.parent}/other to allow this" in done.output
    done = CliRunner().invoke(main, [*words, "--folder", str(place), "--folder", f"{place.parent}/other"])
    assert done.exit_code == 0, done.output
    assert Mask.read(place / "mask.fits") == Mask.full(order=3)


def test_that_the_check_is_what_refuses(place, monkeypatch):
    """Without it, the file is read."""
    monkeypatch.setattr(Folders, "_check", lambda self, path: None)
    assert read_recipe(written(place, "../other/secret.fits")).build() == Mask.full(order=3)
