"""What the checks took is kept for the next run, and a broken file of it is only in the way where it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import Place, ProjectError
from harness.outcome import Outcome, Status
from harness.workers import Durations
from harness.workers.durations import FILE, record
from tests.workers.test_shares import check


def outcome(name: str, seconds: float) -> Outcome:
    return Outcome(name, "check", name, "app", "app.a", Place(Path("a.yml"), 1), Status.PROVED, seconds=seconds)


def test_a_run_brings_it_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / FILE
    record(path, [check("a"), check("b")], [outcome("a", 1.0), outcome("b", 2.0)])
    record(path, [check("b"), check("c")], [outcome("c", 3.00004)])
    assert Durations.recorded(tmp_path) == Durations({"b": 2.0, "c": 3.0})


def test_the_last_of_several_files_wins(tmp_path: Path) -> None:
    record(tmp_path / "1.json", [check("a"), check("b")], [outcome("a", 1.0), outcome("b", 2.0)])
    record(tmp_path / "2.json", [check("b"), check("c")], [outcome("b", 5.0), outcome("c", 3.0)])
    merged = Durations.merged([tmp_path / "1.json", tmp_path / "2.json"])
    assert merged == Durations({"a": 1.0, "b": 5.0, "c": 3.0})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seconds": {"a": "soon"}}', '{"seconds": 3}', "\N{SNOWMAN}"])
def test_what_is_no_such_file_is_an_error_where_it_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1", "xmlcharrefreplace"))
    assert Durations.recorded(tmp_path) == Durations()
    with pytest.raises(ProjectError, match="no durations of checks"):
        Durations.merged([path])
    record(path, [check("a")], [outcome("a", 1.0)])
    assert Durations.recorded(tmp_path) == Durations({"a": 1.0})


def test_a_file_that_is_not_there_is_an_error_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"nothing\.json: cannot be read: No such file"):
        Durations.merged([tmp_path / "nothing.json"])
    assert Durations.recorded(tmp_path) == Durations()
