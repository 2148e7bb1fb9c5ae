"""Loads seeds for proofs: leaves out the rows that the schema refuses, and reports them.

A whole load comes first (``loading.py``). Only if it is refused, rows are tried one by one. Rows that refer to each
other are tried once more together; a deferred constraint that refuses rows is made immediate. Decides which rows only
follow others that were left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness import catalog
from harness.catalog.model import Table
from harness.errors import Place, SeedRefused
from harness.migrations import ledger
from harness.project.model import Module, TableName
from harness.seeds import loading, staging, upsert
from harness.seeds.seedfile import SeedFile
from harness.seeds.staging import ROW, StagedFile
from harness.server.connection import Connection, value

MESSAGE = 300
"""Characters of a trigger's message that are kept."""

LINES = 5
"""Lines of a file that are named for each rule."""


@dataclass(frozen=True)
class RefusedRows:
    """The ``rows`` rows of a file that one rule refuses; ``lines`` are the first of them, empty for a whole file.

    ``message`` is empty where the rule has a name. With ``follow`` the rows refer to rows that were left out.
    """

    module: str
    path: str
    lines: tuple[int, ...]
    rows: int
    sqlstate: str
    constraint: str = ""
    column: str = ""
    message: str = ""
    follow: bool = False

    def facts(self) -> dict[str, Any]:
        """Returns it for JSON; :meth:`of` reads that."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> RefusedRows:
        return cls(**{**facts, "lines": tuple(facts["lines"])})


def load(connection: Connection, modules: Sequence[Module], *, root: Path | None = None) -> tuple[RefusedRows, ...]:
    """Loads the seeds of the modules without the rows that the schema refuses, and returns those rows.

    Raises :class:`SeedError` where a file itself is wrong.
    """
    try:
        loading.load(connection, modules, root=root)
    except SeedRefused:
        files = loading.read_files(modules, root)
        with ledger.lock(connection):
            try:
                tables = loading.tables_of(catalog.read(connection, ledger=""), files)
                with connection.transaction():
                    return _Loading(connection, files, tables).run()
            except psycopg.Error as error:
                raise staging.refusal(error, Place(files[0].path.parent)) from None
    return ()


RowNumber = tuple[int, int]
"""The number of a staged file, and of a row in it."""


class _Loading:
    """One load. ``_out`` has the rows left out and ``_whole`` the files, each with the error that refused it."""

    def __init__(self, connection: Connection, files: Sequence[SeedFile], tables: Mapping[TableName, Table]) -> None:
        self._connection = connection
        self._out: dict[RowNumber, psycopg.Error] = {}
        self._whole: dict[int, psycopg.Error] = {}
        self._immediate: list[sql.Identifier] = []  # deferrable constraints that have refused rows
        self._files = [self._staged(file, tables[file.seed.table], number) for number, file in enumerate(files)]
        self._first = [staged for staged in self._files if not staged.file.seed.afterwards]
        self._later = [staged for staged in self._files if staged.file.seed.afterwards]
        keyless = [staged for staged in self._first if not staged.key]
        self._done = {staged.number for staged in keyless if loading.is_loaded(connection, staged, self._first)}

    def run(self) -> tuple[RefusedRows, ...]:
        while (error := self._refused()) is not None:
            if not staging.by_schema(error):
                raise error
            schema, name = error.diag.schema_name or "", error.diag.constraint_name or ""
            constraint = sql.Identifier(schema, name)
            if constraint not in self._immediate and self._is_deferrable(schema, name):
                self._immediate.append(constraint)
            else:
                self._leave_files(error)
        for staged in self._files:
            loading.advance_sequences(self._connection, staged)
        return tuple(self._report())

    def _is_deferrable(self, schema: str, name: str) -> bool:
        """Whether there is such a constraint; a trigger can name one in its error that does not exist."""
        query = (
            "select exists (select from pg_catalog.pg_constraint c join pg_catalog.pg_namespace n"
            " on n.oid = c.connamespace where n.nspname = %s and c.conname = %s and c.condeferrable)"
        )
        return bool(value(self._connection, query, [schema, name]))

    def _staged(self, file: SeedFile, table: Table, number: int) -> StagedFile:
        """Stages a file without the rows that a domain refuses."""
        try:
            with self._connection.transaction():
                return staging.fill(self._connection, file, table, number)
        except SeedRefused:
            pass
        with self._connection.transaction(force_rollback=True):
            bad = list(staging.bad_cells(self._connection, staging.empty(self._connection, file, table, number)))
        for row, place, prefix, error in bad:
            if staging.unreadable(error):
                raise staging.refusal(error, place, prefix)
            self._out.setdefault((number, row), error)
        return staging.fill(self._connection, file, table, number, without={row for row, *_ in bad})

    def _refused(self) -> psycopg.Error | None:
        """Loads all rows and files that are not left out yet; returns the error at the end of that, if any."""
        before = dict(self._out)
        try:
            with self._connection.transaction():
                if self._immediate:
                    self._execute(sql.SQL("set constraints {} immediate").format(sql.SQL(", ").join(self._immediate)))
                for group in loading.in_order(staged.table for staged in self._files):
                    members = [staged for staged in self._first if staged.table in group]
                    self._load_group([each for each in members if each.number not in {*self._done, *self._whole}])
                for staged in self._later:
                    if staged.number not in self._whole:
                        self._change(staged)
                self._execute(sql.SQL("set constraints all immediate"))
        except psycopg.Error as error:
            self._out = before  # the next attempt finds these rows again
            return error
        return None

    def _load_group(self, members: Sequence[StagedFile]) -> None:
        if self._refusal(partial(self._write, members)) is not None:
            self._load_rows(members)

    def _refusal(self, work: Callable[[], object]) -> psycopg.Error | None:
        """Does something in a savepoint; returns the error of a rule that refuses it, and raises any other error."""
        try:
            with self._connection.transaction():
                work()
        except psycopg.Error as error:
            if not staging.by_schema(error):
                raise
            return error
        return None

    def _write(self, members: Sequence[StagedFile], row: int | None = None) -> None:
        upsert.insert(self._connection, members, row)
        for staged in members:
            upsert.update(self._connection, staged, self._later, row)

    def _load_rows(self, members: Sequence[StagedFile]) -> None:
        """Loads row by row, then again the rows whose parents were missing; the last of them in one statement."""
        waiting = {row: None for staged in members for row in self._rows(staged)}
        refused: dict[RowNumber, psycopg.Error] = {}
        for staged in members:
            self._execute(sql.SQL("create index on {} ({})").format(staged.name, ROW))
        while waiting:
            found = {
                (number, row): self._refusal(partial(self._write, [self._files[number]], row))
                for number, row in waiting
            }
            refused = {row: error for row, error in found.items() if error is not None}
            own = {row: error for row, error in refused.items() if error.sqlstate != "23503"}
            self._out |= own
            self._forget(members, [row for row in found if row in own or row not in refused])
            rest = {row: None for row in refused if row not in own}
            if len(rest) == len(waiting):
                break
            waiting = rest
        while waiting and self._refusal(partial(self._write, members)) is not None:
            lost = [
                (staged.number, row)
                for staged in members
                for row in loading.orphans(self._connection, staged, members, staged.table.foreign_keys)
            ] or list(waiting)
            self._out |= {row: refused[row] for row in lost}
            self._forget(members, lost)
            waiting = {row: None for row in waiting if row not in lost}

    def _change(self, staged: StagedFile) -> None:
        """Updates the rows of a file that comes afterwards."""
        incomplete = {number for number, _ in self._out} | set(self._whole)
        if staged.table not in (self._files[number].table for number in incomplete):
            loading.require_rows(self._connection, staged)
        if self._refusal(partial(upsert.update, self._connection, staged)) is None:
            return
        for number, row in self._rows(staged):
            error = self._refusal(partial(upsert.update, self._connection, staged, row=row))
            if error is not None:
                self._out[number, row] = error

    def _leave_files(self, error: psycopg.Error) -> None:
        """Leaves out the file without which all can be loaded, where a rule without a name refuses only at the end.

        If there is no such file, leaves out all.
        """
        rest = [staged for staged in self._files if staged.number not in self._whole]
        named = error.diag.schema_name, error.diag.table_name
        rest.sort(key=lambda staged: (staged.table.name.schema, staged.table.name.table) != named)
        for staged in rest:
            whole, out = dict(self._whole), dict(self._out)
            self._whole[staged.number] = error
            with self._connection.transaction(force_rollback=True):
                accepted = self._refused() is None
            self._out = out
            if accepted:
                return
            self._whole = whole
        self._whole |= {staged.number: error for staged in rest}

    def _rows(self, staged: StagedFile) -> list[RowNumber]:
        """Returns the rows in the temporary table of a file."""
        query = sql.SQL("select {row} from {stage} order by {row}").format(row=ROW, stage=staged.name)
        return [(staged.number, row) for (row,) in self._connection.execute(query, prepare=False)]

    def _forget(self, members: Sequence[StagedFile], rows: Collection[RowNumber]) -> None:
        """Deletes rows from their temporary tables."""
        for staged in members:
            if own := [row for number, row in rows if number == staged.number]:
                query = sql.SQL("delete from {} where {} = any(%s)").format(staged.name, ROW)
                self._connection.execute(query, [own], prepare=False)

    def _execute(self, query: sql.Composed | sql.SQL) -> None:
        self._connection.execute(query, prepare=False)

    def _report(self) -> Iterator[RefusedRows]:
        """Yields what was left out, by file and rule, in the order of the files and their lines."""
        found: dict[tuple[int, str, str, str, bool], RefusedRows] = {}
        following = {row for row, error in self._out.items() if self._has_lost_parent(row, error)}
        for row, error in sorted(self._out.items(), key=lambda item: item[0]):
            file = self._files[row[0]].file
            line = file.rows[row[1]].place.line or 1
            # If every row has lost its parent, none follows another.
            follow = row in following and len(following) < len(self._out)
            one = replace(_refused_rows(file, error, rows=1), lines=(line,), follow=follow)
            key = row[0], one.sqlstate, one.constraint or one.message, one.column, one.follow
            before = found.get(key, replace(one, lines=(), rows=0))
            found[key] = replace(before, lines=(*before.lines, line)[:LINES], rows=before.rows + 1)
        yield from found.values()
        for number, error in self._whole.items():
            yield _refused_rows(self._files[number].file, error, rows=len(self._files[number].file.rows))

    def _has_lost_parent(self, child: RowNumber, error: psycopg.Error) -> bool:
        """Whether the row that a refused row refers to was left out."""
        staged = self._files[child[0]]
        key = staged.violated_key(error)
        if key is None:
            return False
        wanted = _texts(staged, child[1], key.columns)
        parents = [(self._files[number], row) for number, row in self._out]
        return None not in wanted and any(
            other.table.name == key.references and _texts(other, row, key.referenced_columns) == wanted
            for other, row in parents
        )


def _refused_rows(file: SeedFile, error: psycopg.Error, rows: int) -> RefusedRows:
    diag = error.diag
    named = diag.constraint_name or error.sqlstate == "23502"  # then the message, which may show data, is not needed
    return RefusedRows(
        module=file.seed.module,
        path=file.path.as_posix(),
        lines=(),
        rows=rows,
        sqlstate=error.sqlstate or "",
        constraint=diag.constraint_name or "",
        column=diag.column_name or "",
        message="" if named else (diag.message_primary or "")[:MESSAGE],
    )


def _texts(staged: StagedFile, row: int, columns: Sequence[str]) -> list[str | None]:
    cells = staged.file.rows[row].cells
    return [cells[name].text if name in cells else None for name in columns]
