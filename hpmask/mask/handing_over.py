"""Where a mask goes: files, images, maps and the objects of other packages."""

# The class is a part of Mask alone, so that self is a Mask, which mypy does not know.
# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpmask.rasterize import Mode

if TYPE_CHECKING:
    from gammapy.maps import Geom, Map
    from mocpy import MOC, SFMOC

    from hpmask.interop.gammapy import ExclusionMask
    from hpmask.mask import Mask
    from hpmask.wcs import WcsMode

__all__ = ["HandingOver"]



class HandingOver:
    """Methods of Mask that hand it over."""

    __slots__ = ()

    def to_moc(self: Mask) -> MOC:
        """The mask as a `mocpy.MOC`.

        Raises
        ------
        ValueError
            If it has energy bins (`reduce` it) or is not in ICRS (`to_frame`).
        """
        from hpmask.interop import mocpy

        return mocpy.from_mask(self)

    def to_sfmoc(self: Mask, order_f: int = 30) -> SFMOC:
        """The mask as a `mocpy.SFMOC`, a coverage of sky and frequency: for other tools, not to keep the mask in.

        Parameters
        ----------
        order_f : int, optional
            Order of the frequencies, 20 to 45. Edges of the bins go to the nearest boundary of cells: at order 20 they
            move by less than 1e-4 of themselves, at order 30 by less than 1e-7.

        Returns
        -------
        mocpy.SFMOC
            With frequencies E / h. Neighbouring bins do not overlap in it.

        Raises
        ------
        ImportError
            If mocpy is older than 0.18.
        ValueError
            If the mask has no energy bins, is not in ICRS, or a bin is narrower than the cells of frequency.

        Examples
        --------
        >>> from hpmask import EnergyAxis, Mask
        >>> mask = Mask.full(energy=EnergyAxis.from_bounds("1 TeV", "100 TeV", 2))
        >>> print(f"{mask.to_sfmoc().min_frequency:.4g}")
        2.418e+26 Hz
        """
        from hpmask.interop import sfmoc

        return sfmoc.from_mask(self, order_f)

    def to_healpix(self: Mask, order: int | None = None, *, nest: bool = False) -> NDArray[np.bool_]:
        """The mask as a full boolean HEALPix map.

        Parameters
        ----------
        order : int, optional
            Order of the map, by default the mask's. A coarser one takes the cells whose centre is kept, as `at_order`
            does.
        nest : bool, optional
            Number the cells NESTED instead of RING.

        Returns
        -------
        numpy.ndarray of bool, shape (12 * 4**order,) or (n_bins, 12 * 4**order)

        Raises
        ------
        ValueError
            If the map would take more than 16 GiB.
        """
        from hpmask.interop import healpy

        return healpy.to_map(self, order=order, nest=nest)

    def to_wcs(
        self: Mask,
        wcs: Any,
        shape: tuple[int, int] | None = None,
        *,
        mode: WcsMode = "center",
        hdu: int | str | None = None,
    ) -> NDArray[Any]:
        """The mask on the pixels of an image.

        Parameters
        ----------
        wcs : `~astropy.wcs.WCS`, FITS header, path, image HDU or gammapy geometry
            Any celestial WCS; of a cube's the celestial part is taken. `hpmask.wcs.to_wcs` has the details.
        shape : (int, int), optional
            Number of pixels (ny, nx); by default the shape that the WCS has.
        mode : {"center", "overlap", "inside", "fraction"}, optional
            A pixel is True iff the sky position of its centre is in the mask, if any part of its area is, or
            only if all of it is; "fraction" is the part of its area that is in the mask, to 1e-3. Pixels that
            are no sky are False, or 0. For sky to be excluded, ``(~mask).to_wcs(..., mode="overlap")`` is
            the safe side.
        hdu : int or str, optional
            Number or name of the image that counts, of a file with several.

        Returns
        -------
        numpy.ndarray of bool or float32, shape (ny, nx) or (n_bins, ny, nx)
            The latter for a mask with energy bins, or if `wcs` is a cube with energies: a gammapy geometry, or a file
            with a table of them. Each of its bins must lie in one of the mask's.

        Raises
        ------
        TypeError, ValueError
            If the WCS is not celestial, no shape is known, or energy bins do not fit.
        MaskFormatError
            If a file is damaged, or it is not clear which of its images counts.
        """
        from hpmask import wcs as wcs_module

        return wcs_module.to_wcs(self, wcs, shape, mode=mode, hdu=hdu)

    def to_wcs_many(
        self: Mask, fields: Iterable[Any], *, mode: WcsMode = "center", n_threads: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """The mask on many images, one after the other, as one per observation.

        The look-up tables of the mask are made once, and each image when it is asked for: none needs to be kept.

        Parameters
        ----------
        fields : iterable
            What `to_wcs` takes as `wcs`, or pairs of that and a shape. It may be a generator.
        mode
            As in `to_wcs`.
        n_threads : int, optional
            Threads to use, by default all processors.

        Yields
        ------
        numpy.ndarray
            What `to_wcs` returns, in the order of the fields.

        Examples
        --------
        >>> from astropy.coordinates import SkyCoord
        >>> from hpmask import Mask
        >>> from hpmask.field import field_wcs
        >>> mask = Mask.from_zone(None, ("0 deg", "90 deg"), order=13)
        >>> fields = (field_wcs(SkyCoord(10, lat, unit="deg"), "2 deg") for lat in (-0.5, 0, 0.5))
        >>> [round(float(image.mean()), 2) for image in mask.to_wcs_many(fields)]
        [0.25, 0.5, 0.75]
        """
        from hpmask import wcs as wcs_module

        return wcs_module.to_wcs_many(self, fields, mode=mode, n_threads=n_threads)

    def write_wcs(
        self: Mask,
        path: str | Path,
        wcs: Any,
        shape: tuple[int, int] | None = None,
        *,
        mode: Mode = "center",
        hdu: int | str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the mask on the pixels of an image as FITS, 1 = kept, readable by gammapy's ``Map.read``.

        Parameters as in `to_wcs` and `write`.
        """
        from hpmask import wcs as wcs_module

        wcs_module.write_wcs(self, path, wcs, shape, mode=mode, hdu=hdu, overwrite=overwrite)

    def to_gammapy(self: Mask, geom: Geom, *, mode: Mode = "center") -> Map:
        """The mask as a boolean gammapy map on a geometry.

        Parameters
        ----------
        geom : `~gammapy.maps.WcsGeom`, `~gammapy.maps.HpxGeom` or `~gammapy.maps.RegionGeom`
            Geometry, which the map has for its own: ``dataset.mask_fit = mask.to_gammapy(dataset.counts.geom)``. A
            mask with energy needs the same bins in "energy" or "energy_true"; along other axes it is repeated.
        mode : {"center", "overlap", "inside"}, optional
            What makes a pixel True: its centre is kept, any part of it is, or all of it is.

        Returns
        -------
        `~gammapy.maps.Map`
            Of bool, with writable data of its own. Pixels that are no sky are False.

        Raises
        ------
        ImportError
            If gammapy is not installed.
        TypeError, ValueError
            If `geom` is no geometry, or its energy bins are not the mask's.
        """
        from hpmask.interop.gammapy import onto

        return onto.to_map(self, geom, mode=mode)

    def for_gammapy(self: Mask, *, mode: Mode = "center") -> ExclusionMask:
        """The mask as gammapy's background makers take it, ``exclusion_mask=mask.for_gammapy()``.

        Each maker gets the mask exactly at its own pixels. Nothing is outside of it, and no map is made on the way.

        Parameters
        ----------
        mode : {"center", "inside", "overlap"}, optional
            When a pixel is kept: if its centre is; if all of it is, so that a source smaller than a pixel is excluded;
            or if any part of it is.
        """
        from hpmask.interop import gammapy

        return gammapy.ExclusionMask(self, mode=mode)

    def write(self: Mask, path: str | Path, *, overwrite: bool = False, format: str | None = None) -> None:
        """Write the mask to a file: the old file or the new one is there at any moment, never half of one.

        Parameters
        ----------
        path : str or path
            Where to. ``.fits``: an IVOA MOC 2.0 if the mask is ICRS and has no energy, else hpmask's tables
            behind a MOC of the sky kept in any bin. ``.txt``: MOC ASCII; ``.json``: MOC JSON.
        overwrite : bool, optional
            Replace a file that is there.
        format : str, optional
            The format, if the file's name does not tell: see `hpmask.io.formats`.

        Raises
        ------
        FileExistsError
            If there is a file and `overwrite` is False.
        ValueError
            If the format cannot hold the mask or is not known.
        """
        from hpmask import io

        io.write(self, path, overwrite=overwrite, format=format)
