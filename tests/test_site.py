"""The site of ``docs/`` is built without a warning: each page is reached, and each link and anchor is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]


def built(sources: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site; what Sphinx finds is on stderr."""
    return subprocess.run([*BUILD, sources, site], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = built(ROOT / "docs", tmp_path / "site")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tried" in (tmp_path / "site" / "explanation" / "verdicts.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("link", ["[x](how-to/gone.md)", "[x](how-to/adopt.md#gone)"])
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, link: str) -> None:
    sources = tmp_path / "docs"
    (sources / "how-to").mkdir(parents=True)
    (sources / "conf.py").write_bytes((ROOT / "docs" / "conf.py").read_bytes())
    (sources / "how-to" / "adopt.md").write_text("# Adopt\n", encoding="utf-8")
    (sources / "index.md").write_text(f"# Index\n\n{link}\n\n```{{toctree}}\nhow-to/adopt\n```\n", encoding="utf-8")
    done = built(sources, tmp_path / "site")
    assert done.returncode != 0 and "gone" in done.stderr
