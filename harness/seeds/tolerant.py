"""Loading seeds for proofs: rows that the schema refuses are left out and told, since the rule may be what changed.

The seeds are loaded as a whole first, as :mod:`harness.seeds.loading` does. Only where that is refused, rows are
tried one by one: those that refer to each other once more together, and those that a deferred rule refuses with that
rule asked at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from harness.errors import Place, SeedRefused
from harness.migrations import ledger
from harness.project.folders import relative
from harness.project.model import Module
from harness.seeds import loading, refused_row, seedfile, staging, tables, upsert
from harness.seeds.seedfile import SeedFile
from harness.seeds.staging import ROW, Stage
from harness.server.connection import Connection

MESSAGE = 300
"""Characters of a trigger's message that are kept."""

LINES = 5
"""Lines of a file that are named, of those that one rule refuses."""


@dataclass(frozen=True)
class RefusedRows:
    """``rows`` rows of a file that one rule refuses, the first in ``lines``; without lines it is the whole file.

    ``message`` is there only where no rule is named. Those that ``follow`` refer to rows that were left out.
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
        """For JSON; :meth:`of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> RefusedRows:
        return cls(**{**facts, "lines": tuple(facts["lines"])})


def load(connection: Connection, modules: Sequence[Module], *, root: Path | None = None) -> tuple[RefusedRows, ...]:
    """Loads the seeds of the modules without the rows that the schema refuses, and returns those.

    Raises :class:`SeedError` where a file is wrong by itself.
    """
    try:
        loading.load(connection, modules, root=root)
    except SeedRefused:
        base = root or Path.cwd()
        files = [seedfile.read(seed, relative(seed.path, base)) for module in modules for seed in module.seeds]
        with ledger.lock(connection):
            try:
                with connection.transaction():
                    return _Loading(connection, files).run()
            except psycopg.Error as error:
                raise staging.refusal(error, Place(files[0].path.parent)) from None
    return ()


Row = tuple[int, int]
"""The number of a stage, and of a row in its file."""


class _Loading:
    """One load. ``_out`` are the rows left out, each with what refused it; ``_at_once`` the deferred rules met."""

    def __init__(self, connection: Connection, files: Sequence[SeedFile]) -> None:
        self._connection = connection
        self._out: dict[Row, psycopg.Error] = {}
        self._whole: dict[int, psycopg.Error] = {}
        self._at_once: list[sql.Identifier] = []
        self._later_orphans: set[Row] = set()
        found = loading.tables_of(connection, files)
        self._stages = [self._stage(file, found[file.seed.table], number) for number, file in enumerate(files)]
        self._numbers = {stage.file.path: number for number, stage in enumerate(self._stages)}
        self._now = [stage for stage in self._stages if not stage.file.seed.afterwards]
        self._later = [stage for stage in self._stages if stage.file.seed.afterwards]
        keyless = [stage for stage in self._now if not stage.key]
        self._done = {stage.file.path for stage in keyless if loading.is_loaded(connection, stage, self._now)}

    def run(self) -> tuple[RefusedRows, ...]:
        while (error := self._refused()) is not None:
            if not staging.by_schema(error):
                raise error
            diag = error.diag
            rule = sql.Identifier(diag.schema_name or "", diag.constraint_name or "")
            if rule not in self._at_once and self._deferrable(diag.schema_name, diag.constraint_name):
                self._at_once.append(rule)
            else:
                self._leave_files(error)
        for stage in self._stages:
            loading.advance_sequences(self._connection, stage)
        return tuple(self._told())

    def _deferrable(self, schema: str | None, name: str | None) -> bool:
        """Whether there is such a constraint, which a trigger may only say there is."""
        query = (
            "select from pg_catalog.pg_constraint c join pg_catalog.pg_namespace n on n.oid = c.connamespace"
            " where n.nspname = %s and c.conname = %s and c.condeferrable"
        )
        return self._connection.execute(query, [schema, name], prepare=False).fetchone() is not None

    def _stage(self, file: SeedFile, table: tables.Table, number: int) -> Stage:
        """The file's cells, without the rows that a domain refuses."""
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
        """One load without the rows and files left out so far: what refuses it at its end, if anything does."""
        before = dict(self._out)
        try:
            with self._connection.transaction():
                if self._at_once:
                    self._execute(sql.SQL("set constraints {} immediate").format(sql.SQL(", ").join(self._at_once)))
                for group in tables.in_order(stage.table for stage in self._stages):
                    members = [s for s in self._now if s.table in group and s.file.path not in self._done]
                    self._load_group([stage for stage in members if self._numbers[stage.file.path] not in self._whole])
                for stage in self._later:
                    if self._numbers[stage.file.path] not in self._whole:
                        self._change(stage)
                self._execute(sql.SQL("set constraints all immediate"))
        except psycopg.Error as error:
            self._out = before  # found out again when it is tried again
            return error
        return None

    def _load_group(self, members: Sequence[Stage]) -> None:
        try:
            with self._connection.transaction():
                self._write(members)
        except psycopg.Error as error:
            if not staging.by_schema(error):
                raise
            self._load_rows(members)

    def _write(self, members: Sequence[Stage], row: int | None = None) -> None:
        upsert.insert(self._connection, members, row)
        for stage in members:
            upsert.update(self._connection, stage, self._later, row)

    def _load_rows(self, members: Sequence[Stage]) -> None:
        """Row by row, those again whose parents were not there yet; in the end what is left in one statement."""
        waiting = {row: None for stage in members for row in self._rows(stage)}
        refused: dict[Row, psycopg.Error] = {}
        for stage in members:
            self._execute(sql.SQL("create index on {} ({})").format(stage.name, ROW))
        while waiting:
            found = {row: self._alone(*row) for row in waiting}
            self._forget(members, [row for row, error in found.items() if error is None])
            refused = {row: error for row, error in found.items() if error is not None}
            own = {row: error for row, error in refused.items() if error.sqlstate != "23503"}
            self._out |= own
            self._forget(members, own)
            rest = {row: None for row in refused if row not in own}
            if len(rest) == len(waiting):
                break
            waiting = rest
        while waiting:
            try:
                with self._connection.transaction():
                    self._write(members)
                return
            except psycopg.Error as error:
                if not staging.by_schema(error):
                    raise
            lost = self._orphans(members) or list(waiting)
            self._out |= {row: refused[row] for row in lost}
            self._forget(members, lost)
            for row in lost:
                del waiting[row]

    def _alone(self, number: int, row: int) -> psycopg.Error | None:
        """Loads one row; what refuses it, if anything does."""
        try:
            with self._connection.transaction():
                self._write([self._stages[number]], row)
        except psycopg.Error as error:
            if not staging.by_schema(error):
                raise
            return error
        return None

    def _orphans(self, members: Sequence[Stage]) -> list[Row]:
        """The rows still staged whose parents are neither in the database nor staged."""
        found = [(stage, row) for stage in members for row in refused_row.orphans(self._connection, stage, members)]
        return [(self._numbers[stage.file.path], row) for stage, row in found]

    def _change(self, stage: Stage) -> None:
        """Updates the rows of a file that comes afterwards."""
        number = self._numbers[stage.file.path]
        missing = {number for number, _ in self._out} | set(self._whole)
        if stage.table not in (self._stages[one].table for one in missing):
            loading.require_rows(self._connection, stage)
        try:
            with self._connection.transaction():
                upsert.update(self._connection, stage)
            return
        except psycopg.Error as error:
            if not staging.by_schema(error):
                raise
        for _, row in self._rows(stage):
            try:
                with self._connection.transaction():
                    upsert.update(self._connection, stage, row=row)
            except psycopg.Error as error:
                if not staging.by_schema(error):
                    raise
                self._out[number, row] = error

    def _leave_files(self, error: psycopg.Error) -> None:
        """What is refused only at the end, by a rule without a name: by which file, trying without each."""
        rest = [number for number in range(len(self._stages)) if number not in self._whole]
        blamed = error.diag.schema_name, error.diag.table_name
        names = [stage.table.name for stage in self._stages]
        rest.sort(key=lambda number: (names[number].schema, names[number].table) != blamed)
        for number in rest:
            whole, out = dict(self._whole), dict(self._out)
            self._whole[number] = error
            with self._connection.transaction(force_rollback=True):
                well = self._refused() is None
            self._out = out
            if well:
                return
            self._whole = whole
        self._whole |= dict.fromkeys(rest, error)

    def _rows(self, stage: Stage) -> list[Row]:
        """Those that are staged."""
        found = self._connection.execute(
            sql.SQL("select {row} from {stage} order by {row}").format(row=ROW, stage=stage.name), prepare=False
        )
        return [(self._numbers[stage.file.path], row) for (row,) in found]

    def _forget(self, members: Sequence[Stage], rows: Collection[Row]) -> None:
        """Takes rows out of their stages."""
        for stage in members:
            number = self._numbers[stage.file.path]
            own = [row for one, row in rows if one == number]
            if own:
                query = sql.SQL("delete from {} where {} = any(%s)").format(stage.name, ROW)
                self._connection.execute(query, [own], prepare=False)

    def _execute(self, query: sql.Composed | sql.SQL) -> None:
        self._connection.execute(query, prepare=False)

    def _told(self) -> Iterator[RefusedRows]:
        """What was left out, by file and rule, in the order of the files and their lines."""
        found: dict[tuple[int, str, str, str, bool], RefusedRows] = {}
        follows = self._follows()
        for number, row in sorted(self._out):
            error = self._out[number, row]
            place = self._stages[number].file.rows[row].place
            one = self._left(number, error, (place.line or 1,), 1, (number, row) in follows)
            key = number, one.sqlstate, one.constraint or one.message, one.column, one.follow
            before = found.get(key)
            found[key] = one if before is None else _joined(before, one)
        yield from found.values()
        for number, error in self._whole.items():
            yield self._left(number, error, (), len(self._stages[number].file.rows), False)

    def _left(self, number: int, error: psycopg.Error, lines: tuple[int, ...], rows: int, follow: bool) -> RefusedRows:
        file, diag = self._stages[number].file, error.diag
        named = (
            diag.constraint_name or error.sqlstate == "23502"
        )  # then the message, which may show data, is not needed
        return RefusedRows(
            module=file.seed.module,
            path=file.path.as_posix(),
            lines=lines,
            rows=rows,
            sqlstate=error.sqlstate or "",
            constraint=diag.constraint_name or "",
            column=diag.column_name or "",
            message="" if named else (diag.message_primary or "")[:MESSAGE],
            follow=follow,
        )

    def _follows(self) -> set[Row]:
        """The rows that were left out because a row that they refer to was; none, if that would be all of them."""
        found = {row for row, error in self._out.items() if self._parent_out(row, error)}
        return set() if len(found) == len(self._out) else found

    def _parent_out(self, child: Row, error: psycopg.Error) -> bool:
        number, row = child
        stage = self._stages[number]
        key = next((key for key in stage.table.foreign_keys if key.name == error.diag.constraint_name), None)
        if error.sqlstate != "23503" or key is None:
            return False
        wanted = _texts(stage, row, key.columns)
        return None not in wanted and any(
            self._stages[other].table.oid == key.parent and _texts(self._stages[other], one, key.referenced) == wanted
            for other, one in self._out
        )


def _texts(stage: Stage, row: int, columns: Sequence[str]) -> list[str | None]:
    cells = stage.file.rows[row].cells
    return [cells[name].text if name in cells else None for name in columns]


def _joined(one: RefusedRows, other: RefusedRows) -> RefusedRows:
    return replace(one, lines=(*one.lines, *other.lines)[:LINES], rows=one.rows + other.rows)
