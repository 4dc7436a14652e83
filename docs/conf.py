"""Sphinx configuration."""

from importlib.metadata import version as version_of

project = "Pointillist"
author = "The Pointillist developers"
copyright = "2026, the Pointillist developers"  # noqa: A001 - Sphinx's name
release = version_of("pointillist")
extensions = ["myst_parser", "sphinx.ext.mathjax"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True
html_theme = "furo"
html_title = f"Pointillist {release}"
