"""What is no file is said, and no link shows a file that lies outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import declarations
from harness.errors import Place, ProjectError
from harness.kinds import KINDS
from harness.project import folders
from harness.project.load import load

CHECKS = "table: app.items\nchecks:\n  - primary_key: [id]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for folder in ("schema/app", "seeds/app", "checks/app"):
        (root / folder).mkdir(parents=True)
    (root / "project.yml").write_text("name: shop\nmodules: [app]\n")
    (root / "schema/app/001_items.up.sql").write_text("create table items (id integer);\n")
    (root / "schema/app/001_items.down.sql").write_text("drop table items;\n")
    (root / "checks/app/items.yml").write_text(CHECKS)
    return root


def refusal(root: Path) -> str:
    with pytest.raises(ProjectError) as caught:
        list(declarations.read(load(root), KINDS))
    return str(caught.value)


def dangling(path: Path) -> None:
    path.symlink_to("../nowhere")


def looped(path: Path) -> None:
    path.symlink_to(path.name)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["checks/app/x.yml", "seeds/app/x.csv", "schema/app/002_x.up.sql", "checks/x.yml"])
@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (dangling, "a link that leads nowhere: ../nowhere is not there\nhint: mend the link, or remove it"),
        (looped, "cannot be read: Too many levels of symbolic links"),
        (os.mkfifo, "a pipe, a socket or a device; expected a file"),
        (zeros, "a pipe, a socket or a device; expected a file"),
    ],
)
def test_what_is_no_file(root: Path, plant: Callable[[Path], None], name: str, message: str) -> None:
    plant(root / name)
    assert refusal(root) == f"{name}: {message}"


@pytest.mark.parametrize("name", ["checks", "checks/app", "schema", "schema/app", "seeds/app", "checks/app/deep"])
def test_a_folder_that_is_a_dangling_link(root: Path, name: str) -> None:
    path = root / name
    if path.exists():
        path.rename(root / "away")
    dangling(path)
    assert refusal(root).startswith(f"{name}: a link that leads nowhere: ../nowhere is not there")


def test_a_file_in_the_place_of_a_folder(root: Path) -> None:
    (root / "checks").rename(root / "away")
    (root / "checks").write_text("")
    assert refusal(root) == "checks: a file where the folders of the modules should lie"


def test_what_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said by a system that refuses: root, who runs these tests in many a container, may read everything."""

    def refused(which: Callable[[Path], object]) -> Callable[[Path], object]:
        def read(path: Path) -> object:
            if path in locked:
                raise PermissionError(13, "Permission denied", str(path))
            return which(path)

        return read

    monkeypatch.setattr(Path, "iterdir", refused(Path.iterdir))
    monkeypatch.setattr(Path, "read_bytes", refused(Path.read_bytes))
    for shown in ("checks", "checks/app", "checks/app/items.yml", "schema/app", "schema/app/001_items.up.sql"):
        locked = {root / shown}
        assert refusal(root) == f"{shown}: cannot be read: Permission denied"


def test_linked_folders_and_files_are_read(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "deep").mkdir(parents=True)
    (shared / "deep/others.yml").write_text(CHECKS.replace("items", "others"))
    (shared / "deep/.hidden.yml").write_text("nonsense")
    (root / "checks/app/shared").symlink_to(shared)
    (root / "checks/app/third.yml").symlink_to(tmp_path / "third.yml")
    (tmp_path / "third.yml").write_text(CHECKS.replace("items", "third"))
    found = declarations.read(load(root), KINDS)
    assert [str(each.place.path) for each in found if each.kind == "primary_key"] == [
        "checks/app/items.yml",
        "checks/app/shared/deep/others.yml",
        "checks/app/third.yml",
    ]


def test_a_folder_that_is_linked_into_itself(root: Path) -> None:
    (root / "checks/app/again").symlink_to("..")
    assert refusal(root) == "checks/app/again/app: a link to a folder that it lies in"


def test_an_error_of_a_file_outside_says_nothing_of_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret: word\n")
    (root / "checks/app/x.yml").symlink_to(tmp_path / "secret")
    (root / "checks/app/y.yml").symlink_to("items.yml")
    error = ProjectError("found 'word'", place=Place(Path("checks/app/x.yml"), 1, 2), excerpt="secret: word")
    assert str(folders.withheld(root, error)) == (
        "checks/app/x.yml:1:2: what is wrong in this file is not shown: a link leads to it, out of the project\n"
        f"hint: look into {tmp_path / 'secret'}"
    )
    for shown in ("checks/app/y.yml", "../secret", str(tmp_path / "secret")):
        named = ProjectError("found 'word'", place=Place(Path(shown), 1, 2))
        assert folders.withheld(root, named) is named
