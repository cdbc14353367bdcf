"""How Sphinx builds the site: `make site` writes it to build/site. Nothing here is read by drx."""

from drx import __version__

project = "drx"
copyright = "the drx authors"
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "drx"
exclude_patterns = ["pictures/*.py"]
myst_heading_anchors = 3
html_copy_source = False
html_show_sourcelink = False
