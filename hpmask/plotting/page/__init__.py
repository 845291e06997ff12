"""Pages for browsers: a map of masks to pan, zoom and query, in one HTML file."""

from hpmask.plotting.page.build import view
from hpmask.plotting.page.page import Page

__all__ = ["Page", "view"]
