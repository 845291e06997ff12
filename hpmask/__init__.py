"""hpmask: exact all-sky masks on the sphere."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("hpmask._kernels.ranges") is None:
    raise ImportError(
        f"hpmask is imported from its source tree, {__path__[0]}, where its compiled part is not built: "
        "start Python in another folder, or install it with `pip install -e .`"
    )

if TYPE_CHECKING:
    from hpmask import catalog as catalog
    from hpmask import cli as cli
    from hpmask import core as core
    from hpmask import energy as energy
    from hpmask import geometry as geometry
    from hpmask import interop as interop
    from hpmask import io as io
    from hpmask import morphology as morphology
    from hpmask import plotting as plotting
    from hpmask import recipe as recipe
    from hpmask import regions as regions
    from hpmask import scale as scale
    from hpmask import testing as testing
    from hpmask import values as values
    from hpmask import wcs as wcs
    from hpmask._utils.errors import MaskFormatError as MaskFormatError
    from hpmask._utils.parallel import get_num_threads as get_num_threads
    from hpmask._utils.parallel import set_num_threads as set_num_threads
    from hpmask.core.algebra import intersection_all as intersection_all
    from hpmask.core.algebra import union_all as union_all
    from hpmask.core.coverage import Coverage as Coverage
    from hpmask.core.healpix_map import HealpixMap as HealpixMap
    from hpmask.core.rangeset import RangeSet as RangeSet
    from hpmask.energy.axis import EnergyAxis as EnergyAxis
    from hpmask.mask import Mask as Mask
    from hpmask.maskset import MaskSet as MaskSet
    from hpmask.regions.batches import Shapes as Shapes
    from hpmask.regions.coverage import coverage as coverage
    from hpmask.values.exclusion import find_exclusion as find_exclusion

__all__ = [
    "Coverage",
    "EnergyAxis",
    "HealpixMap",
    "Mask",
    "MaskFormatError",
    "MaskSet",
    "RangeSet",
    "Shapes",
    "__version__",
    "coverage",
    "find_exclusion",
    "get_num_threads",
    "intersection_all",
    "set_num_threads",
    "union_all",
]

__version__ = version("hpmask")

# Attributes of the package from the start, each loaded at its first use: the help and the completion of the command
# line need none of them, and astropy alone takes a second.
_PUBLIC = {
    "MaskFormatError": "hpmask._utils.errors",
    "get_num_threads": "hpmask._utils.parallel",
    "set_num_threads": "hpmask._utils.parallel",
    "intersection_all": "hpmask.core.algebra",
    "union_all": "hpmask.core.algebra",
    "Coverage": "hpmask.core.coverage",
    "HealpixMap": "hpmask.core.healpix_map",
    "RangeSet": "hpmask.core.rangeset",
    "EnergyAxis": "hpmask.energy.axis",
    "Mask": "hpmask.mask",
    "MaskSet": "hpmask.maskset",
    "Shapes": "hpmask.regions.batches",
    "coverage": "hpmask.regions.coverage",
    "find_exclusion": "hpmask.values.exclusion",
}
_SUBMODULES = (
    "catalog",
    "cli",
    "core",
    "energy",
    "geometry",
    "interop",
    "io",
    "mask",
    "maskset",
    "morphology",
    "plotting",
    "recipe",
    "regions",
    "scale",
    "testing",
    "values",
    "wcs",
)


if not TYPE_CHECKING:
    # A type checker would take any name for an attribute.

    def __getattr__(name: str) -> Any:
        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        if name in _PUBLIC:
            # From now on, it is found without this function.
            found = globals()[name] = getattr(import_module(_PUBLIC[name]), name)
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC, *_SUBMODULES})
