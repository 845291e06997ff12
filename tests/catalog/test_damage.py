"""Damaged catalogs: read as some table, or refused by a ValueError that names the file.

To run more than the few hundred cases of the test: ``python tests/test_catalog_damage.py 10000``, which also prints
the slowest case and the most memory.
"""

import gzip
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import Angle, SkyCoord
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table
from damage import damaged, damaged_text

from hpmask import Mask
from hpmask.catalog.columns import NoPositionError


def sources():
    rng = np.random.default_rng(5)
    n = 40
    return Table(
        {
            "name": [f"source {i}" for i in range(n)],
            "RAJ2000": Column(rng.uniform(0, 360, n), unit="deg"),
            "DEJ2000": Column(rng.uniform(-90, 90, n), unit="deg"),
            "flux": MaskedColumn(rng.uniform(0, 1, n), mask=np.arange(n) % 7 == 0),
            "spectrum": rng.uniform(0, 1, (n, 3)),
        },
        meta={"EQUINOX": 2000.0},
    )


def flat():
    table = sources()
    table.remove_column("spectrum")
    return table


def fits_table(path):
    hdu = fits.table_to_hdu(sources())
    hdu.header["TUCD2"] = "pos.eq.ra;meta.main"
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"start": [1.0]})), hdu]).writeto(path)


def fits_sums(path):
    fits.table_to_hdu(sources()).writeto(path, checksum=True)


def fits_text(path):
    columns = [
        fits.Column(name, form, unit="deg", array=sources()[name])
        for name, form in (("RAJ2000", "F12.6"), ("DEJ2000", "E15.7"))
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns)]).writeto(path)


def fits_odd(path):
    """Columns of variable length, of bits, scaled, and with a dimension."""
    columns = [
        fits.Column("RA", "I", unit="deg", bzero=2**15, array=np.linspace(0, 300, 20).astype(np.uint16)),
        fits.Column("DEC", "J", unit="deg", null=-99, array=np.arange(20)),
        fits.Column("list", "PE()", array=np.array([np.arange(i, dtype=np.float32) for i in range(20)], object)),
        fits.Column("flags", "8X", array=np.zeros((20, 8), bool)),
        fits.Column("image", "6E", dim="(2,3)", array=np.zeros((20, 3, 2))),
        fits.Column("names", "20A", dim="(10,2)", array=np.full((20, 2), "abc")),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)


def csv(path):
    flat().write(path, format="ascii.csv")
    path.write_text("\ufeff# A comment\n# another\n" + path.read_text())


def tsv(path):
    flat().write(path, format="ascii.tab")


def ecsv(path):
    table = sources()
    table["center"] = SkyCoord(table["RAJ2000"], table["DEJ2000"], frame="fk5")
    table["object"] = np.array([{"a": 1}] * len(table), object)
    table.write(path, format="ascii.ecsv")


def ecsv_angles(path):
    table = flat()
    table["RAJ2000"] = Angle(table["RAJ2000"].quantity).to_string(sep=":", unit="hourangle", precision=2)
    table["RAJ2000"].unit = "h:m:s"
    table.write(path, format="ascii.ecsv")


def votable(path):
    sources().write(path, format="votable")
    system = '<COOSYS ID="J2000" system="eq_FK5" equinox="J2000"/>\n <TABLE>'
    text = path.read_text().replace("<TABLE>", system)
    path.write_text(text.replace('name="RAJ2000"', 'name="RAJ2000" ref="J2000" ucd="pos.eq.ra;meta.main"'))


def votable_binary(path):
    flat().write(path, format="votable", tabledata_format="binary2")


def parquet(path):
    pytest.importorskip("pyarrow")
    sources().write(path, format="parquet")


ENDS = {csv: ".csv", tsv: ".tsv", ecsv: ".ecsv", ecsv_angles: ".ecsv", votable: ".vot", votable_binary: ".vot"}
ENDS |= {parquet: ".parquet"}
PLAIN = [fits_table, fits_sums, fits_text, fits_odd, *ENDS]
FILES = [(write, ENDS.get(write, ".fits")) for write in PLAIN]
# Damage within what is packed, and to the packed file.
FILES += [(write, ENDS.get(write, ".fits") + end) for write in (fits_table, csv, votable) for end in (".gz", ".Gz")]


def outcome(path):
    """What reading a file ends in: "read" or "refused"; raises where it ends in anything else."""
    try:
        Mask.from_catalog(path, "0.1 deg", order=6, n_threads=1)
    except ValueError as error:
        if type(error) not in (ValueError, NoPositionError) or path.name not in str(error):
            raise
        return "refused"
    return "read"


def run(write, end, n, seed, folder):
    """How many of `n` damaged copies were read and refused, the slowest one, and those that ended otherwise."""
    path = Path(folder) / f"{write.__name__}{end}"
    plain = path.with_name(f"whole{end.removesuffix('.gz').removesuffix('.Gz')}")
    plain.unlink(missing_ok=True)
    write(plain)
    whole = plain.read_bytes()
    path.write_bytes(gzip.compress(whole) if end.lower().endswith(".gz") else whole)
    assert outcome(path) == "read"
    packs = end.endswith(".Gz")
    if end.endswith(".gz"):
        whole = gzip.compress(whole, mtime=0)
    is_text = not end.startswith((".fits", ".parquet")) and not end.endswith(".gz")
    counts, slowest, failed = {"read": 0, "refused": 0}, (0.0, ""), []
    for what, content in (damaged_text if is_text else damaged)(whole, n, seed):
        path.write_bytes(gzip.compress(content, mtime=0) if packs else content)
        start = time.process_time()
        try:
            counts[outcome(path)] += 1
        except Exception as error:
            failed.append(f"{what}: {type(error).__name__}: {error}")
        slowest = max(slowest, (time.process_time() - start, what))
    return counts, slowest, failed


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("write", "end"), FILES, ids=lambda one: getattr(one, "__name__", one))
def test_damaged_catalogs_are_read_or_refused(write, end, tmp_path):
    counts, slowest, failed = run(write, end, 27, 7, tmp_path)
    assert not failed
    assert counts["refused"] > 3
    assert slowest[0] < 5, slowest


def refused(path, match):
    with pytest.raises(ValueError, match=match) as caught:
        Mask.from_catalog(path, "0.1 deg", order=6)
    assert repr(path.name) in str(caught.value)


VOTABLE = (
    '<VOTABLE><RESOURCE><TABLE{}><FIELD name="ra" datatype="double"/><FIELD name="dec" datatype="double"/>'
    '<FIELD name="x" {}/><DATA><TABLEDATA><TR><TD>1</TD><TD>1</TD><TD>1</TD></TR></TABLEDATA></DATA></TABLE>'
    "</RESOURCE></VOTABLE>"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", b"ra,dec\n" + b"1,1\n" * 2_000_000),
        ("a.tsv.gz", (b"#" * 99 + b"\n") * 80_000),
        ("a.ecsv.gz", b"# %ECSV 1.0\n# ---\n" + (b"#" * 99 + b"\n") * 80_000),
        ("a.vot.gz", b"<VOTABLE>" + b"<RESOURCE/>" * 700_000),
        ("a.parquet.gz", bytes(8_000_000)),
    ],
)
def test_packed_files_that_unpack_to_too_much(tmp_path, name, content):
    (tmp_path / name).write_bytes(gzip.compress(content))
    refused(tmp_path / name, r"its \d+ bytes unpack to more than")


def test_a_packed_fits_table_that_takes_too_much(tmp_path):
    hdu = fits.BinTableHDU.from_columns([fits.Column("RA", "D"), fits.Column("DEC", "D")])
    for n_rows, match in ((10**9, "would unpack to"), (8 * 10**6, "would take 512000000 bytes of memory")):
        hdu.header["NAXIS2"] = n_rows
        content = fits.PrimaryHDU().header.tostring() + hdu.header.tostring()
        (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content.encode() + bytes(1_000_000)))
        refused(tmp_path / "a.fits.gz", match)


@pytest.mark.parametrize(
    ("table", "field", "match"),
    [
        ("", 'datatype="int"', None),
        (' nrows="1"', 'datatype="char" arraysize="1000"', None),
        (' nrows="2000000000"', 'datatype="int"', "would take 54000000000 bytes"),
        ("", 'datatype="char" arraysize="100000000"', "would take 4000000"),
        ("", 'datatype="char" arraysize="1000x100000*"', "would take 4000000"),
        ("", 'datatype="double" arraysize="10000000"', "arraysize of 10000000, more than a row can hold"),
    ],
)
def test_sizes_in_a_votable(tmp_path, table, field, match):
    (tmp_path / "a.vot").write_text(VOTABLE.format(table, field))
    if match is None:
        assert Mask.from_catalog(tmp_path / "a.vot", "2 deg", order=6) == Mask.from_cones(
            SkyCoord(1, 1, unit="deg"), "2 deg", order=6
        )
    else:
        refused(tmp_path / "a.vot", match)


def test_a_quote_that_is_not_closed(tmp_path):
    (tmp_path / "a.csv").write_text('ra,dec,name\n1,1,"a\n' + "1,1,a\n" * 15_000)
    refused(tmp_path / "a.csv", "would take .* is a quote missing")
    (tmp_path / "a.csv").write_text("ra,dec,name\n" + "1,1,a\n" * 15_000 + "1,1," + "a" * 60_000)
    refused(tmp_path / "a.csv", "would take .* is a quote missing or a line too long")
    (tmp_path / "a.csv").write_text('ra,dec,name\n1,1,"a,""b"""\n' + '1,1,5"\n' * 15_000)
    assert Mask.from_catalog(tmp_path / "a.csv", "1 deg", order=6).area.value > 0


def test_parquet_files_that_pack_well(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    positions = {"ra": np.ones(1000), "dec": np.ones(1000)}
    one = pa.table({**positions, "n": ["a"] * 999 + ["b" * 10**5]})
    parquet.write_table(one, path)
    refused(path, "would take 400024000")
    # Of few bytes for the rows, and gigabytes in memory.
    parquet.write_table(pa.table({**positions, "n": ["b" * 10**5] * 1000}), path)
    refused(path, "would take 400024000")
    short = pa.table({**positions, "n": ["a"] * 1000})
    parquet.write_table(short.replace_schema_metadata({"table::len::n": "100000"}), path)
    refused(path, "would take 400024000")
    parquet.write_table(short, path)
    assert Mask.from_catalog(path, "1 deg", order=6).area.value > 0
    # One value in each column: the file is small however many rows there are.
    parquet.write_table(pa.table({name: np.ones(10**6) for name in ("ra", "dec")}), path)
    monkeypatch.setattr("hpmask._files.tables._ALLOWANCE", 1 << 20)
    refused(path, "would take 16000000 bytes")


if __name__ == "__main__":
    import resource
    import tempfile

    warnings.simplefilter("ignore")
    total = int(sys.argv[1])
    most = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(100, 100 + -(-total // 90 // len(FILES))):
            for write, end in FILES:
                result = run(write, end, 90, seed, folder)
                now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(seed, write.__name__, end, *result, f"{now:.0f} MB" if now > most + 10 else "", flush=True)
                most = max(most, now)
        print(f"at most {most:.0f} MB of memory")


def test_a_column_twice():
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    names = ["ra", "dec", "dec"]
    for table in (
        pa.table([pa.array([1.0, 2.0])] * 3, names=names),
        pd.DataFrame(np.ones((2, 3)), columns=names),
    ):
        for call in (
            lambda table=table: Mask.from_catalog(table, "1 deg", order=6),
            lambda table=table: Mask.full(order=3).contains(table),
            lambda table=table: Mask.full(order=3).select(table),
        ):
            with pytest.raises(ValueError, match=r"^the table has several columns of the name 'dec'") as caught:
                call()
            assert type(caught.value) is ValueError
