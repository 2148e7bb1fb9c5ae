"""Whatever is applied and rolled back, in whatever order: ledger, status and tables say the same."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg import sql

from harness.errors import MigrationError
from harness.server.connection import Server

from .conftest import Files, Runner

MODULES = ("one", "two")
MOST = 4


def machine(server: Server, name: Callable[[], str]) -> type[RuleBasedStateMachine]:
    class Ledger(RuleBasedStateMachine):
        """``applied`` is what the database must have, in the order it was applied."""

        @initialize()
        def begin(self) -> None:
            self.database = name()
            with server.connect() as maintenance:
                maintenance.execute(sql.SQL("create database {}").format(sql.Identifier(self.database)))
            self.directory = tempfile.TemporaryDirectory()
            self.files = Files(Path(self.directory.name))
            self.runner = Runner(server.connect(self.database), self.files)
            self.applied: list[str] = []
            self.known: list[str] = []
            self.write("one", True)

        @rule(module=st.sampled_from(MODULES), transactional=st.booleans())
        def write(self, module: str, transactional: bool) -> None:
            number = sum(each.startswith(f"{module}/") for each in self.known) + 1
            if number <= MOST:
                header = "" if transactional else "-- harness: transaction:false\n"
                table = f"{module}_{number}"
                self.files.write(
                    f"{module}/{number:03d}_x",
                    f"{header}create table {table} (); comment on table {table} is 'x'",
                    f"{header}drop table {table}; select 1",
                )
                self.known = sorted([*self.known, f"{module}/{number:03d}_x"])

        @rule(data=st.data())
        def comment(self, data: st.DataObject) -> None:
            path = self.up(data.draw(st.sampled_from(self.known)))
            path.write_text(path.read_text() + "\n-- Said later.\n")

        @rule(data=st.data())
        def edit(self, data: st.DataObject) -> None:
            """Both files: what was applied is taken back all the same, or the ledger takes the edit over."""
            name = data.draw(st.sampled_from(self.known))
            up = self.up(name)
            down = up.with_name(up.name.replace(".up.", ".down."))
            before = [(path, path.read_text()) for path in (up, down)]
            up.write_text(before[0][1].replace("()", "(x integer)"))
            if name not in self.applied or before[0][1] == up.read_text():
                return
            assert self.runner.status()[name] == "edited"
            with pytest.raises(MigrationError, match="edited"):
                self.runner.apply()
            if data.draw(st.booleans()):
                self.runner.accept(name)
                return
            down.write_text("select 1 / 0;")
            at = self.applied.index(name)
            assert self.runner.rollback(steps=len(self.applied) - at) == self.applied[at:][::-1]
            self.applied = self.applied[:at]
            for path, text in before:
                path.write_text(text)

        def up(self, name: str) -> Path:
            return self.files.root / "schema" / f"{name}.up.sql"

        @rule(steps=st.none() | st.integers(0, 3))
        def apply(self, steps: int | None) -> None:
            pending = [each for each in self.known if each not in self.applied][:steps]
            assert self.runner.apply(steps=steps) == pending
            self.applied += pending

        @rule(data=st.data())
        def apply_to(self, data: st.DataObject) -> None:
            to = data.draw(st.sampled_from(self.known))
            pending = [each for each in self.known if each not in self.applied and each <= to]
            expected = [] if to in self.applied else pending
            assert self.runner.apply(to=to) == expected
            self.applied += expected

        @rule(steps=st.none() | st.integers(0, 3), everything=st.booleans())
        def rollback(self, steps: int | None, everything: bool) -> None:
            count = len(self.applied) if everything else 1 if steps is None else steps
            expected = self.applied[::-1][:count]
            given: dict[str, Any] = {} if steps is None else {"steps": steps}
            assert self.runner.rollback(all=everything, **given) == expected
            self.applied = self.applied[: len(self.applied) - len(expected)]

        @rule(data=st.data())
        def rollback_to(self, data: st.DataObject) -> None:
            to = data.draw(st.sampled_from(self.known))
            if to not in self.applied:
                with pytest.raises(MigrationError, match="is not applied"):
                    self.runner.rollback(to=to)
            else:
                keep = self.applied.index(to) + 1
                assert self.runner.rollback(to=to) == self.applied[keep:][::-1]
                self.applied = self.applied[:keep]

        @invariant()
        def all_say_the_same(self) -> None:
            if not hasattr(self, "runner"):
                return
            expected = {each: "applied" if each in self.applied else "pending" for each in self.known}
            assert self.runner.status() == expected
            tables = sorted(f"{each[:3]}_{int(each[4:7])}" for each in self.applied)
            assert self.runner.tables() == tables

        def teardown(self) -> None:
            if hasattr(self, "runner"):
                self.runner.connection.close()
                self.directory.cleanup()
                with server.connect() as maintenance:
                    query = sql.SQL("drop database {} with (force)").format(sql.Identifier(self.database))
                    maintenance.execute(query)

    return Ledger


def test_ledger_and_database_agree(server: Server) -> None:
    numbers = itertools.count()
    run_state_machine_as_test(
        machine(server, lambda: f"machine_{next(numbers)}"),
        settings=settings(
            max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
