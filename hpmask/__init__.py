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

from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import get_num_threads, set_num_threads
from hpmask.core.algebra import intersection_all, union_all
from hpmask.core.coverage import Coverage
from hpmask.core.healpix_map import HealpixMap
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask
from hpmask.regions.batches import Shapes
from hpmask.regions.coverage import coverage
from hpmask.values.exclusion import find_exclusion

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
    from hpmask import testing as testing
    from hpmask import values as values
    from hpmask import wcs as wcs

__all__ = [
    "Coverage",
    "EnergyAxis",
    "HealpixMap",
    "Mask",
    "MaskFormatError",
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

# Attributes of the package from the start, each loaded at its first use.
_SUBMODULES = (
    "catalog",
    "cli",
    "core",
    "energy",
    "geometry",
    "interop",
    "io",
    "mask",
    "morphology",
    "plotting",
    "recipe",
    "regions",
    "testing",
    "values",
    "wcs",
)


if not TYPE_CHECKING:
    # A type checker would take any name for an attribute.

    def __getattr__(name: str) -> Any:
        if name in _SUBMODULES:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES})
