"""What `write` may replace: a mask of any format, and nothing else that a folder holds."""

import pytest

from hpmask import Mask, MaskSet, RangeSet, io

pa = pytest.importorskip("pyarrow")

MASK = Mask(RangeSet.from_cells([3, 17], 2))
SET = MaskSet({"a": MASK, "b": ~MASK})

# The folder of a mask that is there.
NAMES = {}

WRITERS = {
    "mask as parquet": lambda path, **words: MASK.write(path, format="parquet", **words),
    "mask as hats": lambda path, **words: MASK.write(path, format="hats", **words),
    "set as parquet": lambda path, **words: SET.write(path, format="parquet", **words),
    "set as hats": lambda path, **words: SET.write(path, format="hats", **words),
    "set as folder": lambda path, **words: SET.write(path, format="folder", **words),
    "combined": lambda path, **words: io.combine_folders([NAMES["m"]] * 2, path, "union", **words),
}


@pytest.fixture
def folder(tmp_path):
    NAMES["m"] = tmp_path / "m"
    MASK.write(NAMES["m"], format="parquet")
    return tmp_path / "out"


def all_files(path):
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def other_files(path):
    (path / "thesis").mkdir(parents=True)
    (path / "thesis" / "chapter.tex").write_text("x")


def other_layers(path):
    path.mkdir()
    (path / "layers.json").write_text('{"layers": ["roads", "rivers"]}')


def stars(path):
    from hpmask._files.hats_folder import Partition
    from hpmask._files.hats_writer import writing_hats

    rows = pa.table({"_healpix_29": [5, 7], "ra": [45.0, 45.0], "dec": [1e-7, 2e-7]})
    with writing_hats(path, rows.schema, lonlat=("ra", "dec")) as writer:
        writer.write(Partition(0, 0), rows)


def partitions_of_stars(path):
    """A catalog whose properties are not there yet."""
    stars(path)
    (path / "hats.properties").unlink()


@pytest.mark.parametrize("content", [other_files, other_layers, stars, partitions_of_stars])
@pytest.mark.parametrize("writer", WRITERS)
def test_other_folders_are_kept(folder, writer, content):
    content(folder)
    before = all_files(folder)
    for words in ({}, {"overwrite": True}):
        with pytest.raises(FileExistsError, match="Not a mask, so it is not replaced" if words else "overwrite=True"):
            WRITERS[writer](folder, **words)
        assert all_files(folder) == before
    assert sorted(one.name for one in folder.parent.iterdir()) == ["m", "out"]


@pytest.mark.parametrize("old", WRITERS)
@pytest.mark.parametrize("new", ["mask as parquet", "mask as hats", "set as folder"])
def test_masks_are_replaced(folder, old, new):
    WRITERS[old](folder)
    WRITERS[new](folder, overwrite=True)
    if new.startswith("set"):
        assert MaskSet.read(folder) == SET
    else:
        assert Mask.read(folder) == MASK
    WRITERS[new](folder.parent / "fresh")
    assert all_files(folder).keys() == all_files(folder.parent / "fresh").keys()


@pytest.mark.parametrize("writer", WRITERS)
def test_empty_folders_and_files(folder, writer):
    folder.mkdir()
    WRITERS[writer](folder, overwrite=True)
    file = folder.parent / "file"
    file.write_text("x")
    with pytest.raises(NotADirectoryError):
        WRITERS[writer](file, overwrite=True)
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        WRITERS[writer](folder.parent / "no" / "out")
    assert file.read_text() == "x"


def test_a_mask_of_which_tiles_are_written_is_replaced(folder):
    from hpmask.io.parquet_folder import write_tile

    write_tile(folder, 3, 2, [RangeSet.from_cells([3], 2)], 2)
    MASK.write(folder, format="parquet", overwrite=True)
    assert Mask.read(folder) == MASK


def test_check_writable(folder):
    other_files(folder)
    for words in ({}, {"overwrite": True}):
        for format in ("hats", "folder", "parquet"):
            with pytest.raises(FileExistsError):
                io.check_writable(folder, format=format, **words)
        with pytest.raises(IsADirectoryError):
            io.check_writable(folder, format="fits", **words)
    io.check_writable(folder.parent / "m", format="hats", overwrite=True)
    io.check_writable(folder.parent / "new", format="hats")
    io.check_writable(folder.parent / "new.fits")
    with pytest.raises(ValueError, match="format must be"):
        io.check_writable(folder, format="fots")
