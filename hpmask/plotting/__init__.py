"""Pictures of masks: static ones, and one with a slider for the energy bins. matplotlib is loaded when one is drawn."""

from hpmask.plotting.slider import BinPlot, plot_interactive
from hpmask.plotting.static import all_sky_axes, field_axes, plot, plot_grid

__all__ = ["BinPlot", "all_sky_axes", "field_axes", "plot", "plot_grid", "plot_interactive"]
