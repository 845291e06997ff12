"""Standard input and output: real pipes, terminals, binary content, and places that are no paths."""

import json
import os
import pty
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import fsspec
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from hpmask import Mask
from hpmask.cli.files import Source, table_suffix
from hpmask.cli.options import MASK

HPMASK = f"'{sys.executable}' -c 'from hpmask.cli import main; main()'"


def shell(text, **options):
    """A line of the shell, with hpmask for the command, in a process of its own."""
    script = f'hpmask() {{ {HPMASK} "$@"; }}\nset -o pipefail\n{text}'
    return subprocess.run(["bash", "-c", script], capture_output=True, check=False, **options)


class TestPipes:
    """Pipes of real processes."""

    def test_two_commands(self, run, star, foot):
        result = shell("hpmask dilate star.fits - --width 0.3deg | hpmask minus foot.fits - out.fits")
        assert (result.returncode, result.stderr) == (0, b"")
        assert Mask.read("out.fits") == foot - star.dilate("0.3 deg")
        assert result.stdout.startswith(b"out.fits: keeps ")

    @pytest.mark.deep
    def test_redirections(self, run, star):
        result = shell("hpmask not - - < star.fits > out.fits")
        assert (result.returncode, result.stderr) == (0, b"")
        with fits.open("out.fits", checksum=True) as hdus:
            hdus.verify("exception")
        assert Mask.read("out.fits") == ~star

    @pytest.mark.deep
    def test_failure_upstream(self, run, star):
        result = shell("hpmask not no.fits - | hpmask union star.fits - out.fits")
        assert result.returncode == 1
        lines = sorted(result.stderr.decode().splitlines())
        assert lines == [
            "hpmask: error: no.fits: No such file or directory",
            "hpmask: error: standard input: the file is empty",
        ]
        assert not Path("out.fits").exists()

    def test_nobody_reads(self, run):
        # More than a pipe holds.
        Mask.from_cones(SkyCoord(10, 20, unit="deg"), "40 deg", order=12).write("large.fits")
        result = shell("hpmask not large.fits - | head -c 6")
        assert (result.stdout, result.stderr) == (b"SIMPLE", b"")

    @pytest.mark.deep
    @pytest.mark.parametrize("words", ["not star.fits -", "not - out.fits"])
    def test_a_terminal_is_neither_read_nor_written(self, run, star, words):
        leader, follower = pty.openpty()
        result = subprocess.run(
            ["bash", "-c", f"{HPMASK} {words}"], stdin=follower, stdout=follower, stderr=subprocess.PIPE, check=False
        )
        os.close(follower)
        os.close(leader)
        assert result.returncode == 2
        assert b"which is a terminal: redirect it" in result.stderr
        assert not Path("out.fits").exists()

    @pytest.mark.deep
    def test_a_terminal_shows_text(self, run, star):
        leader, follower = pty.openpty()
        result = subprocess.run(
            ["bash", "-c", f"{HPMASK} convert star.fits - --format ascii"],
            stdout=follower,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(follower)
        shown = os.read(leader, 1 << 16)
        os.close(leader)
        assert (result.returncode, result.stderr) == (0, b"")
        assert shown.startswith(b"8/") or b"/" in shown.split()[0]


class TestStandardInput:
    @pytest.mark.parametrize("format", ["fits", "ascii", "json", "healpix"])
    def test_formats_are_recognized(self, piped, star, format):
        file = BytesIO()
        star.write(file, format=format)
        assert Mask.read(BytesIO(piped(file.getvalue(), "convert", "-", "-"))) == star

    def test_commands_that_print(self, run, star):
        content = Path("star.fits").read_bytes()
        facts = json.loads(run("info", "-", "--json", input=content).stdout)
        assert (facts["file"], facts["area_deg2"]) == ("-", star.area.value)
        assert run("area", "-", input=content).stdout.split()[3] == f"{star.area.value:.10g}"
        assert run("query", "-", "14.5", "23", input=content).stdout == "kept\n"

    def test_maps_and_images(self, run, star):
        run("to-wcs", "-", "-", "--center", "14.5 23", "--width", "6 deg", input=Path("star.fits").read_bytes())
        image = run("to-wcs", "star.fits", "-", "--center", "14.5 23", "--width", "6 deg", input=b"").stdout_bytes
        data = fits.getdata(BytesIO(image))
        assert data.sum() > 1000
        result = run("threshold", "-", "field.fits", "--order", "8", input=image)
        assert result.stdout.startswith("field.fits: keeps ")
        assert (Mask.read("field.fits") ^ star).area < 0.2 * star.area
        run("to-wcs", "star.fits", "again.fits", "--wcs", "-", input=image)
        assert np.array_equal(fits.getdata("again.fits"), data)
        picture = run("plot", "star.fits", "-", "--wcs", "-", "--dpi", "50", input=image).stdout_bytes
        assert picture.startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        "words",
        [
            ("union", "-", "-", "out.fits"),
            ("query", "-", "--from", "-"),
            ("plot", "-", "out.png", "--wcs", "-"),
            ("to-wcs", "-", "out.fits", "--wcs", "-"),
        ],
    )
    def test_twice(self, run, tmp_path, words):
        assert "can be read once only" in run(*words, code=2, input=b"").stderr
        assert list(tmp_path.iterdir()) == []

    def test_damaged(self, run, star):
        content = Path("star.fits").read_bytes()
        for bad in (b"", b"no mask", content[:3000], content[:2000] + b"\xff" + content[2001:]):
            result = run("not", "-", "out.fits", code=1, input=bad)
            assert result.stderr.startswith("hpmask: error: standard input: ")
            assert result.stderr.count("\n") == 1
            assert not Path("out.fits").exists()


class TestStandardOutput:
    def test_nothing_else_is_printed(self, piped, run, star, foot):
        for words in (
            ("union", "star.fits", "foot.fits"),
            ("minus", "foot.fits", "star.fits"),
            ("not", "star.fits"),
            ("dilate", "star.fits", "--width", "1 deg"),
            ("convert", "star.fits", "--order", "5"),
        ):
            Mask.read(BytesIO(piped(None, *words, "-")))
        Path("r.toml").write_text('order = 6\n[[exclude]]\nds9 = "icrs; circle(83,22,3)"\n')
        assert Mask.read(BytesIO(piped(None, "build", "r.toml", "-"))) == ~Mask.from_regions(
            "icrs; circle(83,22,3)", order=6
        )

    def test_json_needs_it(self, run, star):
        assert "--json prints to standard output" in run("not", "star.fits", "-", "--json", code=2).stderr

    def test_a_file_of_that_name(self, run, star):
        run("not", "star.fits", "./-", "--format", "fits")
        assert Mask.read("./-") == ~star
        run("not", "./-", "again.fits")
        assert Mask.read("again.fits") == star

    def test_formats(self, piped, star, run):
        for format in ("ascii", "json", "healpix", "ds9"):
            content = piped(None, "convert", "star.fits", "-", "--format", format)
            star.write("file", format=format, overwrite=True)
            if format == "healpix":
                # With the time of writing in its header.
                assert Mask.read(BytesIO(content)) == star
            else:
                assert content == Path("file").read_bytes()


class TestPlaces:
    def test_urls(self, run, star):
        run("not", "star.fits", "memory://cli/out.fits")
        with fsspec.open("memory://cli/out.fits", "rb") as file:
            assert Mask.read(BytesIO(file.read())) == ~star
        run("not", "memory://cli/out.fits", "out.fits")
        assert Mask.read("out.fits") == star
        result = run("not", "star.fits", "memory://cli/out.fits", code=1)
        assert result.stderr == "hpmask: error: memory://cli/out.fits: File exists: --overwrite replaces it\n"
        assert "No such file" in run("info", "memory://cli/no.fits", code=1).stderr

    @pytest.mark.parametrize(
        ("text", "place", "layer"),
        [
            ("a.fits", Path("a.fits"), None),
            ("a.fits::star", Path("a.fits"), "star"),
            ("a.fits::g band", Path("a.fits"), "g band"),
            ("-", "-", None),
            ("-::star", "-", "star"),
            ("s3://bucket/a.fits", "s3://bucket/a.fits", None),
            ("s3://bucket/a.fits::star", "s3://bucket/a.fits", "star"),
            ("simplecache::s3://bucket/a.fits", "simplecache::s3://bucket/a.fits", None),
            ("simplecache::s3://bucket/a.fits::star", "simplecache::s3://bucket/a.fits", "star"),
            ("file:///tmp/a.fits::star", Path("/tmp/a.fits"), "star"),
            ("a.fits::", Path("a.fits::"), None),
            ("odd::name.fits", Path("odd::name.fits"), None),
            ("odd::name.fits::a", Path("odd::name.fits"), "a"),
            ("odd::name.fits::a::b", Path("odd::name.fits"), "a::b"),
            ("odd::name.fits::g/r", Path("odd::name.fits"), "g/r"),
            ("a.fits::a::b", Path("a.fits"), "a::b"),
            ("-::a::b", "-", "a::b"),
            ("s3://bucket/a.fits::a::b", "s3://bucket/a.fits", "a::b"),
            ("simplecache::s3://bucket/a.fits::a::b", "simplecache::s3://bucket/a.fits", "a::b"),
        ],
    )
    def test_names(self, run, text, place, layer):
        Path("odd::name.fits").touch()
        source = MASK.convert(text, None, None)
        assert source == Source(place, layer)
        if not text.startswith("file:"):
            assert str(source) == text


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".vot", ".parquet", ".csv.gz"])
def test_tables_from_standard_input(run, star, tmp_path, suffix):
    """The format of a table is found by its first bytes."""
    table = Table({"ra": [14.5, 40.0], "dec": [23.0, 23.0]})
    if suffix == ".csv.gz":
        import gzip

        content = gzip.compress(b"ra,dec\n14.5,23\n40,23\n")
    else:
        table.write(tmp_path / f"t{suffix}", format={".vot": "votable"}.get(suffix))
        content = (tmp_path / f"t{suffix}").read_bytes()
    assert table_suffix(content) == suffix
    assert run("query", "star.fits", "--from", "-", code=3, input=content).stdout == "kept\nexcluded\n"


class TestFolders:
    """Masks in folders are replaced, and other folders are not."""

    @pytest.mark.parametrize("format", ["parquet", "hats"])
    def test_masks(self, run, star, format):
        pytest.importorskip("pyarrow")
        run("not", "star.fits", "out", "--format", format)
        run("not", "out", "star2.fits", "--quiet")
        words = "union", "star.fits", "star2.fits", "out", "--format", format
        assert "--overwrite replaces it" in run(*words, code=1).stderr
        run("convert", "star.fits", "out", "--format", format, "--overwrite")
        assert Mask.read("out") == star
        assert "is an input" in run("not", "out", "out", "--format", format, "--overwrite", code=1).stderr

    @pytest.mark.parametrize("format", ["parquet", "hats", "fits"])
    def test_others(self, run, star, format):
        Path("out").mkdir()
        Path("out/thesis.tex").write_text("x")
        for words in ((), ("--overwrite",)):
            run("not", "star.fits", "out", "--format", format, *words, code=1)
        assert Path("out/thesis.tex").read_text() == "x"
        if format != "fits":
            message = run("not", "star.fits", "out", "--format", format, "--overwrite", code=1).stderr
            assert message == f"hpmask: error: {Path('out').resolve()}: Not a mask, so it is not replaced\n"
