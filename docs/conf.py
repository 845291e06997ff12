"""Configuration of the documentation, see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import sys
from pathlib import Path

import hpmask

sys.path.insert(0, str(Path(__file__).parent))
import make_house
import make_pictures
import run_page

make_pictures.main()
make_house.main()
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
# Single backticks in a docstring link to the object of that name, if there is one.
default_role = "py:obj"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# pytest runs the examples in docstrings.
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
# Only these pages have a sidebar, with the sections of the reference and the parts of the design.
_WITH_SIDEBAR = ("api", "design", "model", "house", "algorithms")
html_sidebars = {page.stem: [] for page in Path(__file__).parent.glob("*.md") if page.stem not in _WITH_SIDEBAR}
