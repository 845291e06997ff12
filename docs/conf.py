"""Configuration of the documentation, see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import sys
from pathlib import Path

import hpmask

sys.path.insert(0, str(Path(__file__).parent))
import make_pictures
import run_page

make_pictures.main()
run_page.run(Path(__file__).with_name("masks-for-gammapy.md"))

project = "hpmask"
author = "The hpmask developers"
copyright = "The hpmask developers"
release = version = hpmask.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
# What stands in single backticks in a docstring, if it is the name of anything here.
default_role = "py:obj"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# The docstrings have a run of their own, of pytest.
doctest_test_doctest_blocks = ""
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = "hpmask"
html_static_path = ["_static"]
html_css_files = ["hpmask.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "hpmask"},
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}
# Sections are for the reference only: the sidebar of another page would be empty.
_PAGES = [
    "index",
    "quickstart",
    "concepts",
    "growing",
    "energies",
    "images",
    "masks-for-gammapy",
    "recipe",
    "cli",
    "files",
    "design",
    "benchmarks",
]
html_sidebars = {page: [] for page in _PAGES}
