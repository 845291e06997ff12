"""The registry, MOC ASCII and JSON, and the atomic replacement of files."""

import errno
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from mocpy import MOC
from profiles import cases, examples

from hpmask import EnergyAxis, Mask, MaskFormatError, RangeSet, io
from hpmask._files import atomic, digest

SOME = Mask(RangeSet.from_cells([3, 4, 5, 17, 900, 3071], 8), order=9)
WITH_ENERGY = Mask(RangeSet.full(3), energy=EnergyAxis([1, 2] * u.TeV))

FORMATS = [
    "fits",
    "ascii",
    "json",
    "healpix",
    "healsparse",
    "hats",
    "parquet",
    "ds9",
    "crtf",
    "geojson",
    "stcs",
    "folder",
]


@pytest.mark.parametrize(
    "name",
    ["m.fits", "m.FITS", "m.fit", "m.fits.gz", "m.txt", "m.ascii", "m.json", "m.json.gz", "m.txt.gz"],
)
def test_the_name_tells_the_format(tmp_path, name):
    SOME.write(tmp_path / name)
    read = Mask.read(tmp_path / name)
    assert read == SOME
    assert read.order == 9
    # And so does the content, under any name.
    (tmp_path / name).rename(tmp_path / "other.dat")
    assert Mask.read(tmp_path / "other.dat") == SOME


def test_a_format_can_be_given(tmp_path):
    SOME.write(tmp_path / "mask", format="json")
    assert json.loads((tmp_path / "mask").read_text())["9"] == []
    assert Mask.read(tmp_path / "mask", format="json") == SOME
    with pytest.raises(MaskFormatError, match="no FITS header"):
        Mask.read(tmp_path / "mask", format="fits")


def test_formats_that_are_not_known(tmp_path):
    with pytest.raises(ValueError, match=r"mask\.h5 .*format.*: end it in \.fits"):
        SOME.write(tmp_path / "mask.h5")
    with pytest.raises(ValueError, match=r"format must be 'fits' or 'ascii' or 'json' or 'healpix' or .*, got 'hdf5'"):
        SOME.write(tmp_path / "mask", format="hdf5")
    with pytest.raises(ValueError, match="format must be"):
        Mask.read(tmp_path / "mask", format="hdf5")
    assert not list(tmp_path.iterdir())


def words(name, suffix):
    """A format of words: "all" and "none"."""

    def write(mask, file):
        if not mask.is_full and not mask.is_empty:
            raise ValueError("only masks of all or nothing")
        file.write(b"%s\n%s\n" % (name.encode(), b"all" if mask.is_full else b"none"))

    def read(file, given):
        assert given.startswith("m.")
        word = file.read().split()[1]
        if word not in (b"all", b"none"):
            raise ValueError(f"it has the word {word}")
        return Mask(RangeSet.full(0) if word == b"all" else RangeSet.empty(0), history="words()\nits own words")

    return io.Format(
        name=name,
        description="Words.",
        suffixes=(suffix,),
        matches=lambda start: start.startswith(name.encode()),
        read=read,
        write=write,
    )


def test_a_format_of_somebody_else(tmp_path):
    io.register(words("words", ".words"))
    try:
        for name in ("m.words", "m.words.gz"):
            path = tmp_path / name
            Mask.full().write(path)
            mask = Mask.read(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            assert mask == Mask.full()
            assert mask.history == f"read({name!r}, sha256 {digest})\nits own words"
        (tmp_path / "m.words").rename(tmp_path / "m.dat")
        assert Mask.read(tmp_path / "m.dat") == Mask.full()
        assert Mask.read(tmp_path / "m.dat", format="words") == Mask.full()
        (tmp_path / "m.dat").write_text("words\nsome\n")
        with pytest.raises(MaskFormatError, match=r"m\.dat: it has the word b'some'"):
            Mask.read(tmp_path / "m.dat")
        with pytest.raises(ValueError, match="all or nothing"):
            SOME.write(tmp_path / "n.words")
        assert not (tmp_path / "n.words").exists()
        for bad, message in (
            (words("words", ".other"), "already a format 'words'"),
            (words("fits", ".other"), "already a format 'fits'"),
            (words("other", ".words"), r"'.words' already means .*'words'"),
            (words("other", ".x.json"), r"'.x.json' already means .*'json'"),
            (words("other", "words"), "begin with a dot.*got 'words'"),
            (words("other", ".Words"), "lower case.*got '.Words'"),
            (words("other", ".o.gz"), "not end in .gz.*got '.o.gz'"),
        ):
            with pytest.raises(ValueError, match=message):
                io.register(bad)
    finally:
        io.unregister("words")
    assert list(io.formats) == FORMATS
    with pytest.raises(ValueError, match="format must be"):
        io.unregister("words")
    with pytest.raises(ValueError, match="hpmask's own"):
        io.unregister("fits")
    with pytest.raises(TypeError, match=r"format must be a hpmask\.io\.Format, got str"):
        io.register("words")


@pytest.mark.parametrize("threads", ["one", "two"])
@pytest.mark.parametrize("name", ["m.txt", "m.json.gz", "m.fits"])
def test_the_digest_in_the_history(tmp_path, monkeypatch, name, threads):
    """The first digits of `sha256sum`, whatever thread they are from."""
    monkeypatch.setattr(digest, "_SMALL", 0)
    monkeypatch.setattr(digest, "_PIECE", 100)
    monkeypatch.setattr(digest, "thread_count", lambda n: 1 if threads == "one" else 2)
    path = tmp_path / name
    if name == "m.fits":
        SOME.to_moc().save(path, format="fits")
        # Bytes that the reader leaves alone count, too.
        path.write_bytes(path.read_bytes() + bytes(2880))
    else:
        SOME.write(path)
    mask = Mask.read(path)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert mask == SOME
    assert mask.history == f"read({name!r}, sha256 {expected})"
    assert digest.digest_of(path) == digest.short_digest(path.read_bytes()) == expected


@pytest.mark.parametrize("threads", ["one", "two"])
def test_a_damaged_file_ends_its_hashing(tmp_path, monkeypatch, threads):
    monkeypatch.setattr(digest, "_SMALL", 0)
    monkeypatch.setattr(digest, "thread_count", lambda n: 1 if threads == "one" else 2)
    (tmp_path / "m.txt").write_text("3/1 x" + " " * 1000)
    before = threading.active_count()
    with pytest.raises(MaskFormatError):
        Mask.read(tmp_path / "m.txt")
    assert threading.active_count() == before


def test_a_pipe_has_no_digest(tmp_path):
    pipe = tmp_path / "m.pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("3/1 4-6"))
    writer.start()
    mask = Mask.read(pipe)
    writer.join()
    assert mask == Mask(RangeSet.from_cells([1, 4, 5, 6], 3))
    assert mask.history == "read('m.pipe')"


def test_formats_are_public():
    assert list(io.formats) == FORMATS
    for name, one in io.formats.items():
        assert one.name == name
        # Files of HEALPix maps end in .fits, too, which means a MOC.
        assert one.suffixes or name in ("healpix", "folder", "hats")
        assert one.description.endswith(".")


@pytest.mark.parametrize("name", ["m.txt", "m.json"])
def test_formats_that_hold_no_energy_or_frame(tmp_path, name):
    with pytest.raises(ValueError, match="reduce"):
        WITH_ENERGY.write(tmp_path / name)
    with pytest.raises(ValueError, match="to_frame"):
        Mask.full(order=2, frame="galactic").write(tmp_path / name)
    assert not list(tmp_path.iterdir())


@given(order=st.integers(0, 29), cells=st.lists(st.integers(0, 12 * 4**29 - 1), max_size=10), full=st.booleans())
@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize(("name", "format"), [("m.txt", "ascii"), ("m.json", "json")])
def test_round_trip_and_mocpy(tmp_path, name, format, order, cells, full):
    plane = RangeSet.from_cells([cell >> 2 * (29 - order) for cell in cells], order)
    mask = Mask(~plane if full else plane)
    mask.write(tmp_path / name, overwrite=True)
    read = Mask.read(tmp_path / name)
    assert (read, read.order) == (mask, order)
    text = (tmp_path / name).read_text()
    moc = MOC.from_string(text, format)
    assert moc == mask.to_moc()
    # And back: what mocpy writes, folded to short lines.
    (tmp_path / name).write_text(moc.to_string(format, 30))
    assert Mask.read(tmp_path / name) == mask


def test_ascii_of_version_1_has_commas(tmp_path):
    (tmp_path / "m.txt").write_text("1/1,3,4 2/4,25,12-14,21\n")
    wanted = RangeSet.from_cells([1, 3, 4], 1) | RangeSet.from_cells([4, 25, 12, 13, 14, 21], 2)
    with pytest.raises(MaskFormatError, match="overlapping"):
        Mask.read(tmp_path / "m.txt")
    (tmp_path / "m.txt").write_text("1/1,3,4\n2/0,25,26-28,10\n")
    wanted = RangeSet.from_cells([1, 3, 4], 1) | RangeSet.from_cells([0, 25, 26, 27, 28, 10], 2)
    assert Mask.read(tmp_path / "m.txt") == Mask(wanted)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("t61/1 3 5 s3/1-3 4/", "not a space MOC: it has the dimensions t"),
        ("f10/1", "not a space MOC"),
        ("31/1 32/4 35/", "not a space MOC: it has order 35"),
        ("3/999999", "999999 of order 3 .*last cell is 767"),
        ("3/3 3", "overlapping"),
        ("3/5-2", "ranges must"),
        ("3/3-", "not MOC ASCII"),
        ("3/3 \xe9", "ascii"),
    ],
)
def test_bad_ascii(tmp_path, text, fault):
    (tmp_path / "m.txt").write_text(text, encoding="latin-1")
    with pytest.raises(MaskFormatError, match=fault):
        Mask.read(tmp_path / "m.txt")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[{"t": {"31": [1]}, "s": {"3": [1]}}]', "not a space MOC: it has the dimensions s, t"),
        ('{"3": [1', "delimiter"),
        ("{}", "not MOC JSON"),
        ("[]", "not MOC JSON"),
        ('{"t": [1]}', "keys must be orders"),
        ('{"30": [1]}', "keys must be orders"),
        ('{"3": 7}', "must have a list of cells"),
        ('{"3": ["a"]}', "cell 'a' of order 3 does not exist"),
        ('{"3": [1, 1.5]}', r"cell 1.5 of order 3 does not exist \(number 1 "),
        ('{"3": [true]}', "cell True "),
        ('{"3": [-1]}', "cell -1 "),
        ('{"3": [768]}', "cell 768 "),
        ('{"3": [1], "3": [2]}', "twice"),
        ("[" * 100_000, "recursion|delimiter|value"),
        ('{"3": [' + "9" * 5000 + "]}", "digits"),
    ],
)
def test_bad_json(tmp_path, text, fault):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(MaskFormatError, match=fault):
        Mask.read(tmp_path / "m.json")


def reading(path, text, format):
    """The ranges and the order that hpmask reads from a text, None if it refuses."""
    path.write_bytes(text.encode())
    try:
        mask = Mask.read(path, format=format)
    except MaskFormatError:
        return None
    return mask.planes[0].ranges.tolist(), mask.order


def reading_of_mocpy(text, format):
    try:
        moc = MOC.from_string(text, format)
    except (OSError, ValueError):
        return None
    return moc.to_depth29_ranges.tolist(), moc.max_order


def random_text(rng, format):
    """A text of a MOC, well-formed or nearly so."""
    listed = []
    for order in rng.choice([0, 1, 2, 3, 5, 29], int(rng.integers(4))).tolist():
        last = (12 << 2 * order) - 1
        # One in a hundred is off the sky.
        cells = rng.integers(0, last + 1, int(rng.integers(5))) + (rng.random() < 0.01) * last
        listed.append((order, cells.tolist(), last))
    if format == "json":
        text = json.dumps({str(order): cells for order, cells, _ in listed}, indent=rng.choice([None, 1]))
        odd = '0123456789 {}[],:"\n-.'
    else:
        words = []
        for order, cells, last in listed:
            ends = [min(cell + int(rng.integers(9)), last) if rng.random() < 0.4 else None for cell in cells]
            cells = [f"{a}" if b is None or b < a else f"{a}-{b}" for a, b in zip(cells, ends, strict=True)]
            words.append(f"{order}/" + str(rng.choice([" ", "\n", "\r\n"])).join(cells))
        text = str(rng.choice([" ", "\n"])).join(words)
        odd = "0123456789 /-\n.x"
    if text and rng.random() < 0.3:
        at = int(rng.integers(len(text)))
        text = text[:at] + odd[rng.integers(len(odd))] + text[at + int(rng.integers(2)) :]
    return text


def known_to_differ(text, format, theirs):
    """Whether mocpy reads a text that is not a MOC."""
    if any(stop > 12 * 4**29 for _, stop in theirs[0]):
        # Not each cell off the sky is noticed.
        return True
    if format == "json":
        # It leaves out keys that it does not know, makes an empty MOC of an empty object, and cuts fractions off.
        content = json.loads(text)
        known = all(key in map(str, range(30)) for key in content)
        cells = [(int(order), cell) for order, of_order in content.items() for cell in of_order if order.isdigit()]
        # It leaves out numbers that no cell has, or keeps their low bits.
        real = all(type(cell) is int and 0 <= cell < 12 * 4**order for order, cell in cells)
        # Of an order that is there twice it takes the last one.
        twice = len(re.findall(r'"\s*:', text)) > len(content)
        return not content or not known or not real or twice
    # It makes order 29 of any finer one, reads 3/1/2 as 3/ and 1/2, and some ranges that run downwards.
    return (
        any(int(order) > 29 for order in re.findall(r"(\d+)/", text))
        or re.search(r"/\d+/", text)
        or any(int(first) > int(last) for first, last in re.findall(r"(\d+)-(\d+)", text))
    )


@pytest.mark.parametrize("n_texts", [80, pytest.param(cases(600), marks=pytest.mark.deep)])
@pytest.mark.parametrize("piece", [1 << 20, 7])
@pytest.mark.parametrize("format", ["ascii", "json"])
def test_random_texts_as_mocpy_reads_them(tmp_path, monkeypatch, format, piece, n_texts):
    # Files that are read a few bytes at a time, so that all borders of pieces are met.
    monkeypatch.setattr("hpmask.io.text._PIECE", piece)
    monkeypatch.setattr("hpmask.io.text._HEAD", max(piece, 40))
    rng = np.random.default_rng(5)
    read = 0
    for _ in range(n_texts):
        text = random_text(rng, format)
        ours, theirs = reading(tmp_path / "m", text, format), reading_of_mocpy(text, format)
        if ours is None and theirs is not None and known_to_differ(text, format, theirs):
            continue
        if format == "json" and re.search(r'"0\d', text):
            # mocpy leaves this order out.
            continue
        assert ours == theirs, text
        read += ours is not None
    assert read > n_texts / 4


@pytest.mark.parametrize("name", ["m.txt", "m.json"])
def test_large_texts_in_many_pieces(tmp_path, monkeypatch, name):
    plane = RangeSet.from_cells(np.random.default_rng(3).integers(0, 12 * 4**9, 30_000), 9)
    mask = Mask(plane, order=12)
    mask.write(tmp_path / name)
    for piece in (100, 1000, 65_537):
        monkeypatch.setattr("hpmask.io.text._PIECE", piece)
        monkeypatch.setattr("hpmask.io.text._HEAD", piece)
        read = Mask.read(tmp_path / name)
        assert (read, read.order) == (mask, 12)
    assert MOC.from_string((tmp_path / name).read_text(), "json" if "json" in name else "ascii") == mask.to_moc()


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ('#MOCORDER 8\n{"1":[1,2],"3":[5]}', 8),
        ('{"s": {"1": [1, 2], "3": [5]}}', 3),
        ("#MOCORDER 8\n1/1,2 3/5\n", 8),
        ("# MOC of a survey\r\n#MOCORDER 5\r\n1/1,2\r\n3/5\r\n", 5),
        ("# MOC of a survey\n\n   # by hand\n1/1-2 3/5", 3),
        ("s1/1 2 3/5 9/", 9),
        ("\ufeff1/1 2\n3/5", 3),
        ('\ufeff# all\n{"1":[1,2],"3":[5],"7":[]}', 7),
        ("#" + "x" * 2000 + "\n1/1 2 3/5", 3),
    ],
)
def test_what_may_stand_before_the_cells(tmp_path, text, order):
    wanted = RangeSet.from_cells([1, 2], 1) | RangeSet.from_cells([5], 3)
    for name in ("m.txt", "m.json", "m.dat"):
        (tmp_path / name).write_bytes(text.encode())
        mask = Mask.read(tmp_path / name)
        assert (mask, mask.order) == (Mask(wanted), order)


@pytest.mark.parametrize(("name", "rest"), [("m.txt", ""), ("m.json", "{}")])
def test_an_order_makes_a_moc_of_no_cells(tmp_path, name, rest):
    (tmp_path / name).write_text(f"#MOCORDER 8\n{rest}")
    mask = Mask.read(tmp_path / name)
    assert (mask, mask.order) == (Mask.empty(), 8)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("#MOCORDER 30\n3/1", "MOCORDER must be from 0 to 29, .*'30'"),
        ("#MOCORDER\n3/1", "MOCORDER must be from 0 to 29, .*''"),
        ("#MOCORDER 2\n3/1", "MOCORDER is 2, but there is an order 3"),
        ('#MOCORDER 2\n{"3":[1]}', "MOCORDER is 2, but there is an order 3"),
        ("#MOCORDER 2\n#MOCORDER 3\n3/1", "different orders"),
        ("#\n" * 40_000 + "3/1", "more than 65536 bytes of comments"),
        ('{"s": {"3": [1]}, "t": {"61": [1]}}', "not a space MOC: it has the dimensions s, t"),
        ('{"s": {"s": {"3": [1]}}}', "not a space MOC|keys must be orders"),
        ('{"3": [1]} {"4": [1]}', "the end is followed by"),
        ('{"3": [1, ]}', "value"),
        ('{"3": [, 1]}', "value|comma in a list"),
        ('{"3": [1 2]}', "delimiter"),
        ('{"3": [1]', "found the end of the file"),
        ('{"3": [1], "03": [2]}', "order 3 .* twice"),
        ('{"3": [1, 1]}', "overlapping cells: cell 1 of order 3"),
        ('{"3": [1], "2": [0]}', "overlapping cells: cell 0 of order 3|overlapping cells: cell 1 of order 3"),
        ("3/1 2/0", "overlapping cells: cell 1 of order 3"),
        ("3/1 2-9 7", "overlapping cells: cell 7 of order 3"),
        ("1 2 3", "not a mask|not MOC ASCII: cell 1 stands before the first order"),
        ("3/1/2", "neither a cell nor an order, near"),
        ("3/1-2-3", "neither a cell nor an order"),
        ("3/1 # north", "near b'3/1 # north'"),
        ("3/" + "1" * 30, "more than 19 digits"),
        ("3/1 s5", "neither a cell nor an order"),
    ],
)
def test_more_bad_texts(tmp_path, text, fault):
    path = tmp_path / ("m.json" if "{" in text else "m.txt")
    path.write_text(text)
    with pytest.raises(MaskFormatError, match=fault):
        Mask.read(path)


# ---------------------------------------------------------------------- replacing files


def content(folder):
    return sorted(file.name for file in folder.iterdir())


def test_an_old_file_is_kept_unless_told(tmp_path):
    path = tmp_path / "m.fits"
    SOME.write(path)
    old = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"overwrite=True.*m\.fits"):
        Mask.full().write(path)
    assert path.read_bytes() == old
    Mask.full().write(path, overwrite=True)
    assert Mask.read(path) == Mask.full()
    assert content(tmp_path) == ["m.fits"]


def test_a_file_that_comes_up_meanwhile_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "m.fits"

    def sync(descriptor):
        path.write_text("of another program")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(FileExistsError):
        SOME.write(path)
    assert path.read_text() == "of another program"
    assert content(tmp_path) == ["m.fits"]


@pytest.mark.parametrize("name", ["m.fits", "m.fits.gz"])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, name, where):
    path = tmp_path / name
    SOME.write(path)
    old = path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    if where == "write":
        import hpmask.io.fits

        monkeypatch.setattr(hpmask.io.fits, "_boundaries", fail)
    else:
        monkeypatch.setattr(os, where, fail)
    with pytest.raises(OSError, match="No space left"):
        Mask.full().write(path, overwrite=True)
    assert path.read_bytes() == old
    assert content(tmp_path) == [name]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.fits"
    SOME.write(path)
    old = path.read_bytes()
    code = (
        "import os, sys; import hpmask; from hpmask.io import fits\n"
        "real = fits._boundaries\n"
        "def die(plane): os._exit(9)\n"
        "fits._boundaries = die\n"
        "hpmask.Mask.full().write(sys.argv[1], overwrite=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 9
    assert path.read_bytes() == old
    assert Mask.read(path) == SOME


def no_links(*arguments, **options):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("how", ["links", "renaming", "two steps"])
def test_of_several_writers_one_succeeds(tmp_path, monkeypatch, how):
    path = tmp_path / "m.fits"
    masks = [Mask.full(order=order) for order in range(4)]
    barrier = threading.Barrier(len(masks))
    met = threading.local()

    def after_all_have_looked(call):
        def wrapped(*arguments, **options):
            if not hasattr(met, "once"):
                met.once = True
                barrier.wait(60)
            return call(*arguments, **options)

        return wrapped

    monkeypatch.setattr(os, "link", after_all_have_looked(os.link if how == "links" else no_links))
    if how == "two steps":
        monkeypatch.setattr(atomic, "renamed_to_new", lambda path, new: False)
    monkeypatch.setattr(os, "replace", after_all_have_looked(os.replace))
    succeeded, refusals = [], []

    def write(mask):
        try:
            mask.write(path)
        except FileExistsError as error:
            refusals.append(str(error))
        else:
            succeeded.append(mask)

    threads = [threading.Thread(target=write, args=(mask,)) for mask in masks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(succeeded) == 1
    assert ["overwrite=True" in refusal for refusal in refusals] == [True] * 3
    assert Mask.read(path).order == succeeded[0].order
    assert content(tmp_path) == ["m.fits"]


def test_without_links_a_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(atomic, "renamed_to_new", lambda path, new: False)
    SOME.write(tmp_path / "m.fits")
    assert Mask.read(tmp_path / "m.fits") == SOME

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        SOME.write(tmp_path / "n.fits")
    assert content(tmp_path) == ["m.fits"]


def test_an_error_of_links_that_is_no_lack_of_them(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output"):
        SOME.write(tmp_path / "m.fits")
    assert content(tmp_path) == []


def test_what_killed_writers_left_is_swept(tmp_path, monkeypatch):
    old = tmp_path / f".hpmask-{0:016x}.tmp"
    fresh = tmp_path / f".hpmask-{1:016x}.tmp"
    link = tmp_path / f".hpmask-{2:016x}.tmp"
    folder, busy = (tmp_path / f".hpmask-{k:016x}.tmp" for k in (3, 4))
    other = tmp_path / ".hpmask-notes.tmp"
    for file in (old, fresh, other):
        file.write_bytes(b"left behind")
    link.symlink_to(other)
    for one in (folder, busy):
        (one / "dataset").mkdir(parents=True)
    for path in (old, link, folder / "dataset", folder, busy, other):
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
    SOME.write(tmp_path / "m.fits")
    kept = sorted(path.name for path in (fresh, link, busy, other))
    assert content(tmp_path) == [*kept, "m.fits"]
    # A sweep that fails does not fail the write.
    os.utime(fresh, (1e9, 1e9))

    def fail(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "unlink", fail)
    SOME.write(tmp_path / "m.fits", overwrite=True)
    monkeypatch.setattr(os, "scandir", fail)
    SOME.write(tmp_path / "m.fits", overwrite=True)
    assert content(tmp_path) == [*kept, "m.fits"]


def test_modes(tmp_path):
    path = tmp_path / "m.fits"
    old = os.umask(0o027)
    try:
        SOME.write(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    SOME.write(path, overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "m.fits"
    SOME.write(target)
    link = tmp_path / "link.fits"
    link.symlink_to(target)
    Mask.full(order=4).write(link, overwrite=True)
    assert link.is_symlink()
    assert Mask.read(target) == Mask.full()
    assert content(tmp_path / "there") == ["m.fits"]


def test_places_that_take_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        SOME.write(tmp_path / "none" / "m.fits")
    folder = tmp_path / "folder.fits"
    folder.mkdir()
    for overwrite in (False, True):
        with pytest.raises(IsADirectoryError, match=r"folder\.fits"):
            SOME.write(folder, overwrite=overwrite)
    assert content(tmp_path) == ["folder.fits"]


def test_paths_may_be_strings(tmp_path, monkeypatch):
    SOME.write(f"{tmp_path}/m.fits")
    assert Mask.read(f"{tmp_path}/m.fits") == SOME
    monkeypatch.chdir(tmp_path)
    SOME.write("here.fits")
    assert Path("here.fits").exists()
    assert np.array_equal(Mask.read("here.fits").planes[0].ranges, SOME.planes[0].ranges)
