"""Tables of energy bins as gammapy reads them, beside an image or a HEALPix map.

The layout is that of https://gamma-astro-data-formats.readthedocs.io/en/latest/skymaps/index.html.
"""

from __future__ import annotations

import re

import numpy as np
from astropy.io import fits

from hpmask._files.fits_text import escaped
from hpmask.energy.axis import EnergyAxis

__all__ = ["axis_cards", "bands_hdu"]


def axis_cards(energy: EnergyAxis) -> dict[str, str]:
    """The keywords that the map and the table of its bins share."""
    low, high = _columns(energy)[1:]
    return {"AXCOLS1": f"{low},{high}", "INTERP1": energy.interp}


def bands_hdu(energy: EnergyAxis, name: str) -> fits.BinTableHDU:
    """The table of the energy bins, an HDU of this name. gammapy reads only bins of increasing energy."""
    unit = energy.unit.to_string("fits")
    columns = [fits.Column("CHANNEL", "K", array=np.arange(energy.n_bins))]
    for column, values in zip(_columns(energy), (energy.center, energy.energy_min, energy.energy_max), strict=True):
        columns.append(fits.Column(column, "D", unit=unit, array=values.value))
    table = fits.BinTableHDU.from_columns(columns, name=name)
    table.header.update(axis_cards(energy))
    table.header["AXISNAME"] = escaped(energy.name)
    return table


def _columns(energy: EnergyAxis) -> tuple[str, str, str]:
    """The names of the columns with the centres and the edges of the bins."""
    # The name of the axis itself is in AXISNAME.
    name = re.sub(r"[^A-Z0-9_]", "_", energy.name.upper())
    return (name, "E_MIN", "E_MAX") if name == "ENERGY" else (name, f"{name}_MIN", f"{name}_MAX")
