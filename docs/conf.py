"""Sphinx configuration."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from config_reference import write_reference
from methods_reference import write_methods

from bycatch import __version__

project = "bycatch"
author = "The bycatch developers"
copyright = "2026, The bycatch developers"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_click",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"

html_theme = "furo"
html_title = f"bycatch {__version__}"
templates_path: list[str] = []

# The pages of the configurations' keys are made from the models that check them.
write_reference(Path(__file__).parent / "reference")
write_methods(Path(__file__).parent / "reference")
