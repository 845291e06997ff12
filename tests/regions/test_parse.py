"""Region texts as a whole: encodings, and that nothing in them is lost, whatever they look like."""

import gzip
import os
import random
import re
import warnings
from pathlib import Path

import pytest
from astropy.io import fits

from hpmask.regions.convert import to_shapes
from hpmask.regions.parse import read

# How many damaged texts to try: more by hand, HPMASK_FUZZ=10000.
N_DAMAGED = int(os.environ.get("HPMASK_FUZZ", "300"))

DS9 = """# Region file format: DS9 version 4.1
global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1 include=1 source=1
fk5
circle(202.48643,47.208449,3.9640007") # color=pink width=3 text={Circle; a} tag={foo} This is a comment
-ellipse(13:29:55.7,+47:12:16.9,7.928",3.964",2.4) # color=#0ff background
box(202.47721,47.201269,15.856',7.928',2.39) ; point(202.5,47.2) # point=box
galactic;polygon(202.47,47.19,202.46,47.19,202.46,47.18) # font="courier 10 normal" text='Poly'
# composite(202.48,47.19,317.3) || composite=1
annulus(202.49,47.20,1.98",3.96",5.94") || # color=red
# text(202.45,47.18) color=magenta text={Region}
-line(202.46,47.19,202.46,47.19) # line=1 1 color=cyan
"""
CRTF = """#CRTFv0
global coord=B1950, frame=BARY, corr=[I, Q], color=blue
# A comment
ann circle[[18h12m24s, -23d11m00s], 2.3arcsec]
rotbox[[12h01m34.1s, 12d23m32s], [3arcmin, 1arcmin], 12deg], range=[-1240km/s, 1240km/s]
-ellipse[[12deg, +45deg], [1.34deg, 0.25deg], 45rad], corr=[Q], label='Removed, this'
symbol[[32.1423deg, 12.1412deg], D], linewidth=2, coord=J2000
poly[[1deg, 2deg], [3deg, 2deg], [2deg, 4deg]], coord=ICRS
box[[1deg, 2deg], [3deg, 4deg]]
"""


def n_openings(text):
    """How many shapes a text opens, counted in a simpler way than it is read: a lower limit, line by line."""
    counts = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if text.startswith("#CRTF"):
            bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
            found = [] if line.lstrip().startswith("#") else re.findall(r"[a-z]\s*\[\s*\[", bare, re.IGNORECASE)
            counts[number] = len(found)
            continue
        bare = re.sub(r"=\s*(\{[^}]*\}|'[^']*'|\"[^\"]*\"|#\w*)", "", line)
        counts[number] = 0
        for statement in bare.split(";"):
            hidden = re.match(r"\s*#\s*[+-]?(text|vector|ruler|line)\s*\(", statement)
            if statement.lstrip().startswith("#") and not hidden:
                if "composite" in statement:
                    continue
                break
            shapes = statement if hidden else statement.partition("#")[0]
            words = r"(circle|ellipse|box|polygon|annulus|point|line|text)\s*\(\s*[-+.\d]"
            counts[number] += len(re.findall(words, shapes, re.IGNORECASE))
    return counts


TOKEN = re.compile(r"[\w.+-]+|\s+|.", re.DOTALL)


def damaged(text, rng):
    """The text with some of its tokens deleted, doubled, exchanged or put in."""
    tokens = TOKEN.findall(text)
    for _ in range(rng.randint(1, 4)):
        i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(6):
            case 0:
                del tokens[i]
            case 1:
                tokens.insert(i, tokens[i])
            case 2:
                tokens.insert(i, tokens[j])
            case 3:
                tokens[i], tokens[j] = tokens[j], tokens[i]
            case 4:
                tokens.insert(i, rng.choice(["\0", "é", "nan", "1e400", "{", '"', "(", "]]", ";", "#", "\x85", "-"]))
            case 5:
                tokens = tokens[: max(1, len(tokens) - rng.randrange(20))]
    return "".join(tokens)


def check_damaged(text, tmp_path):
    """Assert that a text is read completely, or refused with its line or file: "read" or "refused"."""
    path = tmp_path / "a.reg"
    path.write_bytes(text.encode())
    try:
        regions, _ = read(path)
    except ValueError as caught:
        error = str(caught)
    else:
        error = ""
    if error:
        assert re.search(r"line \d+ of 'a.reg' cannot be read as|'a.reg' holds no region", error)
        return "refused"
    found = {}
    for one in regions:
        found[one.line] = found.get(one.line, 0) + 1
    for line, count in n_openings(text.removeprefix("\ufeff")).items():
        assert found.get(line, 0) >= count, (line, text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        to_shapes(path, "icrs", invalid="skip")
    return "read"


@pytest.mark.deep
@pytest.mark.parametrize("text", [DS9, CRTF], ids=["ds9", "crtf"])
def test_damaged_texts_are_read_whole_or_refused(text, tmp_path):
    rng = random.Random(20)
    counts = n_openings(text)
    assert sum(counts.values()) == (8 if text is DS9 else 6)
    assert check_damaged(text, tmp_path) == "read"
    results = [check_damaged(damaged(text, rng), tmp_path) for _ in range(N_DAMAGED // 2)]
    assert 0.05 < results.count("read") / len(results) < 0.95


@pytest.mark.parametrize("folder", ["ds9", "crtf"])
def test_damaged_files_are_read_whole_or_refused(data, folder, tmp_path):
    rng = random.Random(21)
    paths = sorted(one for one in data(f"regions/{folder}").iterdir() if one.suffix in (".reg", ".crtf"))
    for i in range(max(len(paths), N_DAMAGED // 10)):
        check_damaged(damaged(paths[i % len(paths)].read_text(), rng), tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_byte_order_marks(encoding, tmp_path):
    text = "icrs\r\ncircle(1,2,3) # text={Zürich}\r\n"
    path = tmp_path / "a.reg"
    path.write_bytes(text.encode(encoding))
    expected = to_shapes("icrs; circle(1,2,3)", "icrs")
    assert to_shapes(path, "icrs") == expected
    assert to_shapes("\ufeff" + text, "icrs") == expected
    path.write_bytes(CRTF.encode("utf-8-sig"))
    assert len(read(path)[0]) == 6


def test_a_bad_line_among_many_is_named():
    lines = ["icrs", *["circle(1,2,3)"] * 2000]
    lines[1234] = "circle(1,2,3) circle(4,5,6)"
    with pytest.raises(ValueError, match=r"line 1235 of the text cannot be read as ds9: .*circle\(4,5,6\)"):
        to_shapes("\n".join(lines), "icrs")


@pytest.mark.parametrize("language", ["#CRTF\npoly[[{}]]", "fk5\ncircle({},1,1)", "Circle ICRS {} 2 3 4"])
def test_messages_are_short(language):
    with pytest.raises(ValueError, match="cannot be read as") as caught:
        read(language.format("64d" * 3000))
    assert len(str(caught.value)) < 600


def test_damaged_packed_and_fits_files_are_told(tmp_path, monkeypatch):
    packed = gzip.compress(("icrs\n" + "circle(1,2,3)\n" * 100).encode())
    path = tmp_path / "a.reg.gz"
    path.write_bytes(packed)
    assert len(read(path)[0]) == 100
    path.write_bytes(packed[:-20])
    with pytest.raises(ValueError, match=r"'a\.reg\.gz' cannot be unpacked"):
        read(path)
    path.write_bytes(packed[:-8] + bytes(8))
    with pytest.raises(ValueError, match=r"'a\.reg\.gz' cannot be unpacked: CRC"):
        read(path)
    path.write_bytes(packed)
    monkeypatch.setattr("hpmask.regions.parse._MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"'a\.reg\.gz' has more than 1000 bytes"):
        read(path)
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"'a.fits' (cannot be read as a FITS region file|holds no region)"):
        read(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("content", [b"\x1f\x8b\x08", b"\x1f\x8bno", b"BZh9no", b"\xfd7zXZ\x00no"])
def test_a_damaged_file_is_closed(content, tmp_path):
    path = tmp_path / "a.reg"
    path.write_bytes(content)
    before = len(os.listdir("/proc/self/fd"))
    # The error is there, and with it what its frames hold.
    with pytest.raises(ValueError, match=r"'a\.reg' "):
        read(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_list_of_formats_of_another_package_is_not_in_the_message(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    path.write_bytes(path.read_bytes().replace(b"SIMPLE  =                    T", b"SIMPLE  = T                   "))
    with pytest.raises(ValueError, match=r"'a.fits' ") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
