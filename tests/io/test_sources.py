"""Where masks are read from and written to: paths, URLs, open files, and parts of the sky."""

import gzip
import io as streams
import socket
import tempfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask import EnergyAxis, Mask, MaskFormatError, Shapes, io

fsspec = pytest.importorskip("fsspec")

CIRCLE = "icrs; circle(40, 10, 5)"
SMALL = "icrs; circle(40, 10, 2)"


@pytest.fixture(scope="module")
def mask():
    return Mask.from_regions(CIRCLE, order=8)


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/", recursive=True)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.json", "a.txt.gz"])
def test_urls(mask, memory, name):
    mask.write(f"memory://{name}")
    back = Mask.read(f"memory://{name}")
    assert back == mask
    content = memory.cat(f"/{name}")
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, name)
        local.write_bytes(content)
        assert Mask.read(local).history == back.history


def test_an_existing_file_at_a_url_stays(mask, memory):
    mask.write("memory://a.json")
    before = memory.cat("/a.json")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        (~mask).write("memory://a.json")
    assert memory.cat("/a.json") == before
    (~mask).write("memory://a.json", overwrite=True)
    assert Mask.read("memory://a.json") == ~mask


def test_what_is_not_complete_is_not_sent(mask, memory):
    with pytest.raises(ValueError, match=r"ICRS|galactic"):
        Mask.empty(frame="galactic").write("memory://a.json")
    assert not memory.exists("/a.json")


def test_urls_of_no_file(memory):
    with pytest.raises(FileNotFoundError):
        Mask.read("memory://none.fits")
    with pytest.raises(ValueError, match="no way to reach files by nosuch://"):
        Mask.read("nosuch://none.fits")


def test_a_file_url_is_a_path(mask, tmp_path):
    mask.write((tmp_path / "a b.fits").as_uri())
    assert Mask.read(tmp_path / "a b.fits") == mask
    assert Mask.read((tmp_path / "a b.fits").as_uri()) == mask


@pytest.mark.parametrize("form", ["fits", "json", "ascii"])
def test_open_files(mask, form):
    file = streams.BytesIO()
    mask.write(file, format=form)
    file.seek(0)
    assert Mask.read(file) == mask
    assert not file.closed
    # Behind other content, it is read from its place.
    other = streams.BytesIO(b"12345" + gzip.compress(file.getvalue()))
    other.seek(5)
    assert Mask.read(other) == mask


def test_a_member_of_a_zip_file(mask, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, archive.open("m.fits", "w") as file:
        mask.write(file, format="fits")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("m.fits") as file:
        assert Mask.read(file) == mask


def test_a_pipe(mask):
    here, there = socket.socketpair()
    with here, there, here.makefile("wb") as target, there.makefile("rb") as source:

        def write():
            mask.write(target, format="fits")
            target.close()
            here.close()

        thread = threading.Thread(target=write)
        thread.start()
        assert Mask.read(source) == mask
        thread.join()


def test_files_of_text(mask, tmp_path):
    mask.write(tmp_path / "a.json")
    with open(tmp_path / "a.json") as file, pytest.raises(TypeError, match="binary"):
        Mask.read(file)
    with open(tmp_path / "b.json", "w") as file, pytest.raises(TypeError, match="binary"):
        mask.write(file, format="json")
    with pytest.raises(ValueError, match="format="):
        mask.write(streams.BytesIO())


def test_damage_names_the_source(memory):
    memory.pipe("/a.json", b'{"3": [1, 1e9]}')
    with pytest.raises(MaskFormatError, match=r"memory://a\.json"):
        Mask.read("memory://a.json")
    with pytest.raises(MaskFormatError, match="file"):
        Mask.read(streams.BytesIO(b"x" * 100), format="fits")


@pytest.mark.parametrize("name", ["a.fits", "a.json.gz"])
def test_within(mask, tmp_path, name):
    mask.write(tmp_path / name)
    small = Mask.from_regions(SMALL, order=8)
    cone = Shapes.cones(SkyCoord(40, 10, unit="deg"), "2 deg")
    for within in (SMALL, small, cone):
        assert Mask.read(tmp_path / name, within=within) == mask & small
    finer = Mask.from_regions(SMALL, order=10)
    assert Mask.read(tmp_path / name, within=finer) == mask & finer
    assert Mask.read(tmp_path / name, within=~mask).is_empty


def test_files_without_content():
    with pytest.raises(MaskFormatError, match="the file is empty"):
        Mask.read(streams.BytesIO())
    file = streams.BytesIO(b"# a comment\n" * 10_000 + b"0/1")
    with pytest.raises(MaskFormatError, match="begins with more than 65536 bytes of comments and blanks"):
        Mask.read(file, format="ascii")


def test_within_of_an_open_file_behind_other_content(mask):
    file = streams.BytesIO()
    file.write(b"12345")
    mask.write(file, format="fits")
    file.seek(5)
    assert Mask.read(file, within=SMALL) == mask & Mask.from_regions(SMALL, order=8)


def test_within_must_fit(mask, tmp_path):
    mask.write(tmp_path / "a.fits")
    with pytest.raises(ValueError, match="within must have the frame of the mask in the file, 'icrs'"):
        Mask.read(tmp_path / "a.fits", within=Mask.full(frame="galactic"))
    axis = EnergyAxis([1, 10, 100] * u.TeV)
    with pytest.raises(ValueError, match="within must be a mask without energy bins"):
        Mask.read(tmp_path / "a.fits", within=Mask.full(energy=axis))


def test_a_format_that_reads_parts(mask, tmp_path):
    asked = []

    def read(file, name, within=None):
        asked.append(None if within is None else within(8, "icrs"))
        return io.formats["fits"].read(file, name)

    parts = replace(io.formats["fits"], name="parts", suffixes=(".parts",), read=read, options=("within",))
    io.register(parts)
    try:
        mask.write(tmp_path / "a.parts")
        small = Mask.from_regions(SMALL, order=8)
        assert Mask.read(tmp_path / "a.parts", format="parts", within=SMALL) == mask & small
        assert asked == [small]
    finally:
        io.unregister("parts")


def test_layers_of_a_file_without_layers(mask, tmp_path):
    mask.write(tmp_path / "a.json")
    with pytest.raises(MaskFormatError, match="no layers"):
        Mask.read(tmp_path / "a.json", layer="star")
    with pytest.raises(ValueError, match="does not hold several masks"):
        io.write_set({"star": mask}, tmp_path / "b.json")


def test_a_format_for_sets(mask, tmp_path):
    def read_set(path, name):
        return {one.stem: Mask.read(one) for one in sorted(path.iterdir())}

    def write_set(layers, folder):
        for name, layer in layers.items():
            layer.write(folder / f"{name}.json")
            if name == "fail":
                raise ValueError("planted")

    form = io.Format(
        name="jsons",
        description="A JSON file per layer.",
        suffixes=(),
        matches=lambda start: False,
        read=lambda path, name: Mask.read(path / "a.json"),
        write=None,
        read_set=read_set,
        matches_folder=lambda path: any(path.glob("*.json")),
        write_set_folder=write_set,
    )
    io.register(form)
    try:
        layers = {"halo": ~mask, "star": mask}
        io.write_set(layers, tmp_path / "set", format="jsons")
        assert io.read_set(tmp_path / "set") == layers
        assert Mask.read(tmp_path / "set", layer="star") == mask
        assert Mask.read(tmp_path / "set", layer="star", within=SMALL) == mask & Mask.from_regions(SMALL, order=8)
        with pytest.raises(ValueError, match="no layer 'moon', it has 'halo', 'star'"):
            Mask.read(tmp_path / "set", layer="moon")
        with pytest.raises(FileExistsError, match="overwrite=True"):
            io.write_set(layers, tmp_path / "set", format="jsons")
        with pytest.raises(ValueError, match="planted"):
            io.write_set({"fail": mask}, tmp_path / "set", format="jsons", overwrite=True)
        assert io.read_set(tmp_path / "set") == layers
        io.write_set({"star": mask}, tmp_path / "set", format="jsons", overwrite=True)
        assert io.read_set(tmp_path / "set") == {"star": mask}
        assert [one.name for one in tmp_path.iterdir()] == ["set"]
        with pytest.raises(ValueError, match="does not hold a single mask"):
            mask.write(tmp_path / "one", format="jsons")
    finally:
        io.unregister("jsons")
