"""Configuration of the documentation, see https://www.sphinx-doc.org/en/master/usage/configuration.html."""

import sys
from pathlib import Path

import hpmask

sys.path.insert(0, str(Path(__file__).parent))
import make_house
import make_pictures
import run_page

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
    "sphinx_gallery.gen_gallery",
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

GROUPS = [
    "first_masks",
    "shapes",
    "from_data",
    "energies",
    "morphology",
    "surveys",
    "sky_maps",
    "images",
    "files",
    "papers",
]
sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "subsection_order": [f"../examples/gallery/{group}" for group in GROUPS],
    "filename_pattern": r"\.py$",
    # The pictures show what hpmask does now, also where an example is the same as in the last build.
    "run_stale_examples": True,
    "abort_on_example_error": False,
    # Examples of a method are shown on its page.
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("hpmask",),
    # Pages that are the same after each build.
    "write_computation_times": False,
    "min_reported_time": 3600,
    "show_signature": False,
    "capture_repr": (),
    "thumbnail_size": (480, 320),
}

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
html_sidebars = {"index": [], "faq": []}
html_context = {"default_mode": "auto"}


def _draw(app):
    """Run the examples of the pages, and draw the pictures that they show."""
    make_pictures.main()
    make_house.main()
    for page in sorted(Path(__file__).parent.glob("*.md")):
        if run_page.has_examples(page):
            run_page.run(page)


def setup(app):
    """Connect what this configuration does by itself."""
    # Before the gallery, which is made at the priority 10.
    app.connect("builder-inited", _draw, priority=5)
