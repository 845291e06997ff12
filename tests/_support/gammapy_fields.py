"""Simulated gammapy datasets, observations and instrument responses for tests, made without any file of gammapy's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time

with warnings.catch_warnings():
    # What gammapy and its own dependencies warn of on import is not ours.
    warnings.simplefilter("ignore")
    pytest.importorskip("gammapy.maps", exc_type=ImportError)
    from gammapy.data import GTI, EventList, FixedPointingInfo, Observation
    from gammapy.datasets import MapDataset, SpectrumDataset
    from gammapy.irf import EDispKernelMap, PSFMap
    from gammapy.maps import MapAxis, RegionGeom, WcsGeom

ENERGY = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
TRUE = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=6, name="energy_true")
CRAB = SkyCoord(83.633, 22.014, unit="deg")
START = Time("2000-01-01T12:00:00", scale="tt")


def fov_rate(offset):
    """A background that falls off from the pointing, in arbitrary units."""
    return np.exp(-0.5 * (offset.to_value(u.deg) / 1.5) ** 2)


def map_dataset(center, *, binsz=0.05, width=3.0, axis=ENERGY, norm=1.0, seed=0, proj="CAR", sources=(), name="field"):
    """A MapDataset with a background, exposure, Poisson counts of `norm` times the background and more near sources."""
    geom = WcsGeom.create(skydir=center, binsz=binsz, width=width, axes=[axis], proj=proj, frame=center.frame.name)
    dataset = MapDataset.create(geom, energy_axis_true=TRUE, name=name)
    dataset.gti = GTI.create(0 * u.s, 1 * u.h)
    coord = geom.to_image().get_coord().skycoord
    image = 20 * fov_rate(coord.separation(center))
    slope = np.array([1.0, 0.5, 0.25, 0.125, 0.06, 0.03])[: axis.nbin, np.newaxis, np.newaxis]
    dataset.background.data = image * slope
    expected = norm * dataset.background.data
    for source, radius in sources:
        expected = expected + 30 * (coord.separation(source) < radius)
    dataset.counts.data = np.random.default_rng(seed).poisson(expected).astype(float)
    dataset.exposure.quantity = np.full(dataset.exposure.data.shape, 1e10) * u.Unit("cm2 s")
    dataset.mask_safe.data[...] = True
    dataset.psf = PSFMap.from_gauss(TRUE, sigma=0.08 * u.deg)
    dataset.edisp = EDispKernelMap.from_diagonal_response(axis, TRUE)
    return dataset


def spectrum_dataset(region, *, axis=ENERGY, name="spectrum"):
    return SpectrumDataset.create(RegionGeom.create(region, axes=[axis]), energy_axis_true=TRUE, name=name)


def events(pointing, n, *, width=2.5, seed=0):
    """An EventList with events all over a field of view."""
    rng = np.random.default_rng(seed)
    offset = width * np.sqrt(rng.uniform(0, 1, n)) * u.deg
    where = pointing.directional_offset_by(rng.uniform(0, 360, n) * u.deg, offset).icrs
    table = Table()
    table["EVENT_ID"] = np.arange(n)
    table["RA"], table["DEC"] = where.ra.to(u.deg), where.dec.to(u.deg)
    table["ENERGY"] = 10 ** rng.uniform(0, 1, n) * u.TeV
    table["TIME"] = START + np.sort(rng.uniform(0, 3600, n)) * u.s
    return EventList(table)


def observation(pointing, *, n_events=20000, seed=0):
    """An observation with events and no responses."""
    gti = GTI.create([0] * u.s, [3600] * u.s, reference_time=START)
    return Observation(
        obs_id=1,
        gti=gti,
        events=events(pointing, n_events, seed=seed),
        pointing=FixedPointingInfo(fixed_icrs=pointing.icrs),
    )
