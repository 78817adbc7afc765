"""Sphinx's settings of the docs site: ``make docs``. The pages are those of the repository; docsite lays them out."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "secondme-avatar"
copyright = "the secondme-avatar authors; MIT or Apache-2.0"
language = "en"
extensions = ["myst_parser", "sphinx_design", "sphinx_copybutton", "docsite.search", "docsite.anchors"]
source_suffix = {".md": "markdown"}

# Links that no page answers, anchors too, are errors: the build has --fail-on-warning.
nitpicky = True
# Headings of the repository's pages go down as their writers like, and code may have an ellipsis.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "strikethrough"]
# `raw:` is a file of the site that Sphinx does not know.
myst_url_schemes = {
    "http": None,
    "https": None,
    "mailto": None,
    "raw": {"url": "{{path}}", "classes": ["raw"]},
}
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True

html_theme = "furo"
html_title = "secondme-avatar"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_last_updated_fmt = None
templates_path = ["templates"]
