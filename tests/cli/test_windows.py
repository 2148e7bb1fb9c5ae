"""On Windows the program says where it runs, before it imports anything that fails there."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

SIMULATED = """\
import sys
from importlib.metadata import entry_points

(command,) = entry_points(group="console_scripts", name="harness")
missing = dict.fromkeys(("fcntl", "pwd", "grp", "termios", "resource", "click", "psycopg", "yaml", "rich"))
sys.modules |= missing
sys.platform = {platform!r}
command.load()()
"""


def simulated(platform: str) -> subprocess.CompletedProcess[str]:
    """The installed command where the modules are missing that Windows lacks, and those that take long."""
    code = SIMULATED.format(platform=platform)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_one_sentence_names_wsl() -> None:
    done = simulated("win32")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("harness does not run on Windows itself: ") and "WSL" in line


def test_elsewhere_it_would_have_gone_on() -> None:
    assert "ModuleNotFoundError: import of click halted" in simulated("linux").stderr


def test_the_package_says_so() -> None:
    systems = [each for each in metadata() if each.startswith("Operating System ::")]
    assert sorted(systems) == ["Operating System :: MacOS", "Operating System :: POSIX :: Linux"]


def metadata() -> list[str]:
    return importlib.metadata.metadata("constraint-harness").get_all("Classifier") or []
