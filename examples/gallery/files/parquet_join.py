"""
A mask as a table, joined with a catalog
========================================

A parquet file has the ranges of cells of a mask as rows. A database joins them with the
cells of objects, without hpmask: an object is kept if its cell lies in the range that
begins before it.
"""

import tempfile
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix

from hpmask import Mask

center = SkyCoord(150, 2, unit="deg")
field = Mask.from_boxes(center, "2 deg", "2 deg", "15 deg", order=12)
mask = field - Mask.from_cones(field.random(12, seed=6), "10 arcmin", order=12)

rng = np.random.default_rng(5)
ra, dec = 150 + rng.uniform(-1.4, 1.4, 4000), 2 + rng.uniform(-1.4, 1.4, 4000)
cells = HEALPix(nside=2**12, order="nested").lonlat_to_healpix(ra * u.deg, dec * u.deg)
catalog = pd.DataFrame({"ra": ra, "dec": dec, "cell": cells})

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "mask.parquet"
    mask.write(path)
    kept = duckdb.sql(f"""
        SELECT ra, dec FROM catalog ASOF JOIN '{path.as_posix()}' ranges
        ON catalog.cell >= ranges.start WHERE catalog.cell < ranges.stop
    """).df()
print(f"{len(kept)} of {len(catalog)} objects are kept")

ax = mask.plot(style="footprint", center=center, width="3 deg", label="mask")
for table, colour in ((catalog, "0.6"), (kept, "black")):
    sky = ax.get_transform("icrs")
    ax.scatter(table["ra"], table["dec"], s=1.5, color=colour, transform=sky)
plt.show()
