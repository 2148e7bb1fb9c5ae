"""Files are written whole, and taken away with what was made for them."""

from __future__ import annotations

from pathlib import Path

from harness import files


def test_what_was_written_is_removed_with_its_directories(tmp_path: Path) -> None:
    kept = tmp_path / "checks" / "kept.yml"
    made = [tmp_path / "checks" / "shop" / "orders.yml", tmp_path / "seeds" / "a" / "b" / "rows.csv"]
    for path in (kept, *made):
        files.write(path, "text")
    for path in (*made, tmp_path / "never.yml"):
        files.remove(path, tmp_path)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "checks", kept]
