"""
A figure for one column
=======================

A column of a journal is 3.4 inches wide. The labels and the legend fit it, and the
outline of a mask is a path, so the PDF is small and sharp at any zoom.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from astropy.coordinates import SkyCoord

from hpmask import Mask

plane = Mask.from_zone(lat=("-10 deg", "10 deg"), zone_frame="galactic", order=8)
clouds = SkyCoord([80.9, 13.2], [-69.8, -72.8], unit="deg")
survey = Mask.from_zone(lat=("-70 deg", "5 deg"), order=8) - plane
survey = survey - Mask.from_cones(clouds, "6 deg", order=8)

with plt.rc_context({"font.size": 8, "font.family": "serif"}):
    ax = survey.plot(figsize=(3.4, 2.3), style="footprint", label="survey")

# %%
# The file for the journal.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "survey.pdf"
    ax.figure.savefig(path)
    print(f"{path.stat().st_size / 1000:.0f} kB")
plt.show()
