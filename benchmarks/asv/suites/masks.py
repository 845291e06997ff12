"""What hpmask's users wait for."""

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from hpmask import EnergyAxis, Mask


def sky(n, seed):
    rng = np.random.default_rng(seed)
    return SkyCoord(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")


class Cones:
    params = (["center", "overlap", "inside"],)
    param_names = ("mode",)

    def setup(self, mode):
        self.small, self.large = sky(100_000, 1), sky(7_000, 2)

    def time_many_small(self, mode):
        Mask.from_cones(self.small, "30 arcsec", order=15, mode=mode)

    def time_large(self, mode):
        Mask.from_cones(self.large, "0.5 deg", order=12, mode=mode)


class Algebra:
    def setup(self):
        self.a, self.b = (Mask.from_cones(sky(100_000, seed), "30 arcsec", order=15) for seed in (1, 2))

    def time_union(self):
        self.a | self.b

    def time_intersection(self):
        self.a & self.b

    def time_symmetric_difference(self):
        self.a ^ self.b

    def time_difference(self):
        self.a - self.b

    def time_complement(self):
        ~self.a  # noqa: B018

    def time_degrade(self):
        self.a.at_order(12, mode="overlap")


class LookUp:
    def setup(self):
        self.mask = Mask.from_cones(sky(100_000, 1), "30 arcsec", order=15)
        self.points = sky(1_000_000, 3)

    def time_contains(self):
        self.mask.contains(self.points)

    def time_distance(self):
        self.mask.distance(self.points)


class Growing:
    params = ([10, 60, 600],)
    param_names = ("arcsec",)

    def setup(self, arcsec):
        self.width = arcsec * u.arcsec
        self.mask = Mask.from_cones(sky(100_000, 1), "30 arcsec", order=15)

    def time_dilate(self, arcsec):
        self.mask.dilate(self.width)

    def time_erode_exclusion(self, arcsec):
        (~self.mask).erode(self.width)

    def peakmem_dilate(self, arcsec):
        self.mask.dilate(self.width)


class Parts:
    def setup(self):
        self.mask = Mask.from_cones(sky(30_000, 1), "30 arcsec", order=15)

    def time_components(self):
        self.mask.components()

    def time_step(self):
        self.mask.dilate(steps=1)


class Images:
    params = (["RA---TAN", "GLON-CAR", "RA---AIT"],)
    param_names = ("projection",)

    def setup(self, projection):
        self.wcs = WCS(naxis=2)
        self.wcs.wcs.ctype = projection, projection.replace("RA--", "DEC-").replace("GLON", "GLAT")
        self.wcs.wcs.cdelt = -0.02, 0.02
        self.wcs.wcs.crpix = 500.5, 500.5
        self.wcs.array_shape = 1000, 1000
        center = sky(7_000, 2)
        axis = EnergyAxis(np.geomspace(0.1, 100, 11) * u.TeV)
        radius = np.linspace(0.6, 0.2, 10)[np.newaxis] * u.deg
        self.image = ~Mask.from_cones(center, "0.5 deg", order=11)
        self.cube = ~Mask.from_cones(center, radius, order=11, energy=axis)
        self.pixels = self.image.to_wcs(self.wcs)

    def time_image(self, projection):
        self.image.to_wcs(self.wcs)

    def time_cube(self, projection):
        self.cube.to_wcs(self.wcs)

    def time_areas(self, projection):
        self.image.to_wcs(self.wcs, mode="fraction")

    def time_back(self, projection):
        Mask.from_wcs(self.pixels, self.wcs, order=12)
