"""hpmask: exact all-sky masks on the sphere."""

from importlib.metadata import version

from hpmask.energy import EnergyAxis
from hpmask.errors import MaskFormatError
from hpmask.mask import Mask
from hpmask.rangeset import RangeSet

__all__ = ["EnergyAxis", "Mask", "MaskFormatError", "RangeSet", "__version__"]

__version__ = version("hpmask")
