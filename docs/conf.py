"""How Sphinx builds the documentation: Markdown by MyST; links to files outside of ``docs/`` lead to the repository."""

import re
from pathlib import Path

from sphinx.application import Sphinx

project = "Harness"
author = "the Harness contributors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Harness"
exclude_patterns = ["_build"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
linkcheck_anchors = False
suppress_warnings = ["misc.highlighting_failure"]

REPOSITORY = "https://github.com/constraint-harness/constraint-harness/blob/main"
DOCS = Path(__file__).parent
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")


def _outside(page: Path, text: str) -> str:
    """Has links to files that are no pages lead to the repository, where they can be read."""

    def target(found: re.Match[str]) -> str:
        path = (page.parent / found[1]).resolve()
        if path.suffix == ".md" and path.is_relative_to(DOCS):
            return found[1]
        return f"{REPOSITORY}/{path.relative_to(DOCS.parent).as_posix()}"

    return _LINK.sub(target, text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = _outside(Path(app.env.doc2path(name)), source[0])


def setup(app: Sphinx) -> None:
    """Registers what happens to each page before it is parsed."""
    app.connect("source-read", _read)
