"""hpmask: exact all-sky masks on the sphere."""

from importlib.metadata import version
from importlib.util import find_spec

if find_spec("hpmask._kernels.ranges") is None:
    raise ImportError(
        f"hpmask is imported from its source tree, {__path__[0]}, where its compiled part is not built: "
        "start Python in another folder, or install it with `pip install -e .`"
    )

from hpmask._utils.errors import MaskFormatError
from hpmask._utils.parallel import get_num_threads, set_num_threads
from hpmask.core.algebra import intersection_all, union_all
from hpmask.core.rangeset import RangeSet
from hpmask.energy.axis import EnergyAxis
from hpmask.mask import Mask

__all__ = [
    "EnergyAxis",
    "Mask",
    "MaskFormatError",
    "RangeSet",
    "__version__",
    "get_num_threads",
    "intersection_all",
    "set_num_threads",
    "union_all",
]

__version__ = version("hpmask")
