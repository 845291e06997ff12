"""The network is used for URLs of the user only: the main operations run where every socket is refused."""

# ruff: noqa: E501  (texts of files, which are easier to compare in one line)

import json
import subprocess
import sys
import textwrap

import bombs
import pytest

# In the process, so that attempts are seen from where they come. The name of a host needs a look-up before its socket.
GUARD = """
import json, socket, sys, traceback
attempts = []
class Forbidden(OSError): pass
def refuse(*args, **words):
    attempts.append([repr(args)[:200], "".join(traceback.format_stack(limit=12))[-1500:]])
    raise Forbidden("no network here")
def guarded(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        refuse(event, args)
sys.addaudithook(guarded)
"""

MAIN = """
import io, tempfile, warnings
from pathlib import Path
import matplotlib; matplotlib.use("Agg")
import numpy as np
from astropy import units as u
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.table import QTable, Table
from astropy.time import Time
from hpmask import EnergyAxis, Mask, MaskSet, Shapes, coverage, io as files
from hpmask.recipe import read_recipe
warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
stars = SkyCoord([10, 20, 83.63], [0, 40, 22.01], unit="deg")
mask = ~Mask.from_cones(stars, "2 deg", order=7) & Mask.from_zone(lat=("-60 deg", "60 deg"), order=7)
for name in ("m.fits", "m.fits.gz", "m.txt", "m.json", "m.parquet"):
    mask.write(folder / name)
    assert Mask.read(folder / name) == mask
MaskSet({"a": mask, "b": ~mask}).write(folder / "s.fits")
MaskSet.read(folder / "s.fits")
energy = EnergyAxis([1, 10, 100] * u.GeV)
Mask.from_cones(stars, [[1, 2], [1, 2], [1, 2]] * u.deg, energy=energy, order=7).write(folder / "e.fits")
table = Table({"ra": [10.0, 20.0], "dec": [1.0, 2.0], "pmra": [1.0, 2.0], "pmdec": [3.0, 4.0]})
for column, unit in (("ra", "deg"), ("dec", "deg"), ("pmra", "mas/yr"), ("pmdec", "mas/yr")):
    table[column].unit = unit
for name in ("t.fits", "t.ecsv", "t.vot", "t.csv", "t.parquet"):
    table.write(folder / name, format="votable" if name == "t.vot" else None)
    Mask.from_catalog(folder / name, "1 deg", order=6, catalog_frame="icrs", lon="ra", lat="dec")
site = EarthLocation.from_geodetic(16.5 * u.deg, -23.27 * u.deg, 1800 * u.m)
# In the tables of the Earth's rotation that astropy comes with, and before them.
for time in ("2020-01-01", "1980-01-01"):
    sky = SkyCoord([100] * u.deg, [70] * u.deg, frame=AltAz(obstime=Time(time), location=site))
    mask.contains(sky)
    Mask.from_cones(sky, "3 deg", order=6)
    for words in ({"min_altitude": "30 deg"}, {}):
        try:
            Mask.visible(site, Time(time), order=4, **words)
        except TypeError:
            pass
for frame in ("fk4", "fk5", "geocentrictrueecliptic", "barycentricmeanecliptic", "supergalactic"):
    mask.contains(stars.transform_to(frame))
Mask.from_regions("fk5; circle(83.63, 22.01, 1)\\nfk4; box(1, 2, 3, 4, 30)\\necliptic; circle(1,2,3)", order=7)
Mask.from_regions("Circle ICRS TOPOCENTER 10 20 1", order=7)
(folder / "r.toml").write_text('order = 5\\n[[keep]]\\nmask = "m.fits"\\n[[exclude]]\\ncatalog = "t.ecsv"\\nradius = "1 deg"\\n')
read_recipe(folder / "r.toml").build()
page = mask.view()
page.html if hasattr(page, "html") else page
mask.plot()
repr(mask), mask._repr_html_(), mask.dilate("1 deg"), mask.to_healpix(), mask.random(10, seed=1), mask.fraction(3)
coverage(Shapes.cones(stars, "2 deg"), order=5)
array, wcs = None, None
from astropy.wcs import WCS
wcs = WCS(naxis=2); wcs.wcs.ctype = "RA---TAN", "DEC--TAN"; wcs.wcs.cdelt = -0.1, 0.1; wcs.wcs.crval = 83, 22
wcs.wcs.crpix = 10, 10; wcs.wcs.dateobs = "2033-01-01"
mask.write_wcs(folder / "i.fits", wcs, (20, 20))
Mask.from_wcs(folder / "i.fits")
for name in ("name", "Crab"):
    try:
        Mask.from_catalog("no_such_catalog", "1 deg", order=5)
    except (ValueError, OSError):
        pass
"""

COMMANDS = """
import tempfile
from pathlib import Path
from click.testing import CliRunner
from hpmask import Mask
from hpmask.cli import main
folder = tempfile.mkdtemp()
Mask.from_zone(lat=("0 deg", "30 deg"), order=5).write(f"{folder}/m.fits")
for words in (["info", "m.fits"], ["area", "m.fits"], ["query", "m.fits", "10 20"], ["convert", "m.fits", "n.json"], ["view", "m.fits", "-o", "v.html", "--no-open"]):
    words = [f"{folder}/{word}" if "." in word else word for word in words]
    done = CliRunner().invoke(main, words)
    assert done.exit_code in (0, 2, 3), done.output
"""

# Files that name hosts: entities, schemas and streams of XML, links in headers and tables.
FILES = """
import sys, warnings
from pathlib import Path
sys.path.insert(0, {support!r})
import bombs
warnings.simplefilter("ignore")
for path in sorted(Path({folder!r}).iterdir()):
    try:
        bombs.through(path.name.split("-")[0], path)
    except (ValueError, OSError) as error:
        if isinstance(error, Forbidden):
            raise
"""

HOST = "http://127.0.0.1:9"
LINKS = {
    "catalog-fits.vot": bombs.VOTABLES["href_of_fits"],
    "catalog-dtd.vot": bombs.VOTABLES["dtd"],
    "catalog-href.vot": bombs.VOTABLES["href"],
    "catalog-entity.vot": f'{bombs.XML}<!DOCTYPE v [<!ENTITY a SYSTEM "{HOST}/a">]>{bombs.VOTABLE}<DESCRIPTION>&a;</DESCRIPTION>'
    f"{bombs.FIELDS}{bombs.END}",
    "catalog-schema.vot": bombs.XML
    + bombs.VOTABLE.replace(
        "<VOTABLE",
        f'<VOTABLE xsi:schemaLocation="x {HOST}/v.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
    )
    + bombs.FIELDS
    + bombs.END,
    "catalog-link.csv": f"ra,dec,link\n1,2,{HOST}/x\n",
    "catalog-link.ecsv": f"{bombs.ECSV}# meta: {{link: '{HOST}/x'}}\nra dec\n1 2\n",
    "regions-url.reg": f"# {HOST}/x.reg\nicrs\ncircle(1,2,3) # url={{{HOST}}}\n",
    "regions-crs.geojson": f'{{"type":"Point","coordinates":[1,2],"crs":{{"type":"link","properties":{{"href":"{HOST}"}}}}}}',
    "recipe-mask.toml": f'order = 3\n[[keep]]\nmask = "{HOST}/m.fits"\n',
    "recipe-regions.toml": f'order = 3\n[[keep]]\nregions = "{HOST}/m.reg"\n',
    "mask-url.txt": HOST,
    "mask-url.json": f'{{"$schema": "{HOST}", "3": [1]}}',
}


def attempts(code):
    """The attempts to use the network while some code runs in a new process."""
    end = "\nprint('ATTEMPTS' + json.dumps(attempts))"
    done = subprocess.run(
        [sys.executable, "-c", GUARD + textwrap.dedent(code) + end], check=False, capture_output=True, text=True
    )
    found = done.stdout.rpartition("ATTEMPTS")[2]
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(found)


@pytest.mark.parametrize(
    "code", [pytest.param(MAIN, id="python", marks=pytest.mark.deep), pytest.param(COMMANDS, id="commands")]
)
def test_the_main_operations_stay_here(code):
    assert attempts(code) == []


@pytest.mark.deep
def test_files_that_name_hosts(tmp_path, counted):
    for name, content in LINKS.items():
        (tmp_path / name).write_text(content)
    support = str(bombs.__file__).rpartition("/")[0]
    assert attempts(FILES.format(support=support, folder=str(tmp_path))) == []
    counted(len(LINKS), "files that name hosts")


@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\ntry: urllib.request.urlopen('http://127.0.0.1:9')\nexcept OSError: pass",
        "from astropy.utils.data import download_file\ntry: download_file('http://127.0.0.1:9')\nexcept OSError: pass",
        "from hpmask import Mask\ntry: Mask.read('http://127.0.0.1:9/m.fits')\nexcept OSError: pass",
    ],
)
def test_attempts_are_seen(code):
    if "Mask" in code:
        pytest.importorskip("aiohttp")  # which fsspec needs for HTTP
    assert attempts(code)
