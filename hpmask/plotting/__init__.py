"""Pictures of masks, and pages for browsers. matplotlib is loaded when a picture is drawn."""

from hpmask.plotting.page import Page, view
from hpmask.plotting.slider import BinPlot, plot_interactive
from hpmask.plotting.static import plot, plot_grid
from hpmask.plotting.views import all_sky_axes, field_axes

__all__ = ["BinPlot", "Page", "all_sky_axes", "field_axes", "plot", "plot_grid", "plot_interactive", "view"]
