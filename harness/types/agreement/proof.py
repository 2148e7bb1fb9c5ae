"""Draws rows for every table, has the server and the types judge them, and says where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from harness.catalog.canonical import Canonical
from harness.declarations import DeclaredCheck
from harness.errors import HarnessError
from harness.kinds.base import Kind, Subject
from harness.probes import TimeLimits
from harness.project.model import Project, TableName, TypesOutput
from harness.proving import bug
from harness.proving.effort import PROBE_MILLISECONDS
from harness.proving.prover_database import ProverDatabase
from harness.races.database import Databases
from harness.types.agreement.cases import TriedRecord
from harness.types.agreement.judges import Judge, pydantic_judge, zod_judge
from harness.types.agreement.trying import DRAWN, UNFILLABLE, TriedTable, drawn_rows
from harness.types.agreement.verdict import TableVerdict, compare, held
from harness.types.model import DatabaseTypes, TableShape
from harness.types.output import Rendered
from harness.types.record_shapes import shapes


class Proof:
    """Proves types in a scratch database: ``rows`` accepted ones for each table, and every rule broken."""

    def __init__(
        self, project: Project, databases: Databases, checks: Sequence[DeclaredCheck], rows: int, seed: int
    ) -> None:
        self._project, self._databases, self._checks = project, databases, checks
        self._rows, self._seed = rows, seed
        self._database = ProverDatabase(project, databases, checks, TimeLimits(PROBE_MILLISECONDS))
        self._records: dict[tuple[TableName, str | None], Sequence[TriedRecord]] = {}
        self._rules: dict[TableName, list[Kind]] = {}
        for check in checks:
            if check.table is not None:
                self._rules.setdefault(check.table, []).append(check.rule)

    def __enter__(self) -> Proof:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def verdicts(self, output: TypesOutput, types: DatabaseTypes, rendered: Rendered) -> Iterator[TableVerdict]:
        """Yields the verdict on each table; a failure of our own is the verdict on its table only.

        Raises :class:`~harness.types.agreement.judges.CannotRun` if nobody can run the types on this machine, and
        :class:`~harness.errors.TargetError` if the server went away.
        """
        with self._judge(output, types, rendered) as judge:
            for module in types.modules:
                for shape in module.tables:
                    if shape.kind == "table" and any(shapes(shape)):
                        yield self._verdict(TableVerdict(shape, _unstated(shape, types)), output, judge)

    def _judge(self, output: TypesOutput, types: DatabaseTypes, rendered: Rendered) -> AbstractContextManager[Judge]:
        if output.language == "pydantic":
            return pydantic_judge(rendered.texts, output.case)
        return zod_judge(rendered.directory, rendered.texts, output, [each.schema for each in types.modules])

    def _verdict(self, verdict: TableVerdict, output: TypesOutput, judge: Judge) -> TableVerdict:
        try:
            cases = held(verdict, self._tried(verdict.shape, output.role), output.driver)
            compare(verdict, cases, judge.judge(cases))
        except UNFILLABLE as reason:
            verdict.unfillable = str(reason)
        except HarnessError:
            raise
        except Exception as error:
            if self._database.connection.closed:
                raise
            verdict.error, verdict.traceback = bug.reason(error), bug.text(error)
        return verdict

    def _tried(self, shape: TableShape, role: str | None) -> Sequence[TriedRecord]:
        """The records of a table, which are the same for all languages. Raises :data:`UNFILLABLE`."""
        if (shape.name, role) not in self._records:
            subject = self.subject(shape.name)
            drawn = drawn_rows(subject, self._rows, self._seed)
            tried = TriedTable(self._database.connection, subject, shape)
            self._records[shape.name, role] = list(tried.cases(drawn, self._rows))
        return self._records[shape.name, role]

    def subject(self, table: TableName) -> Subject:
        """Returns what rows of a table are drawn for."""
        database = self._database
        return Subject(
            module=table.schema,
            name=table,
            project=self._project,
            catalog=database.catalog,
            pools=database.rules.pools,
            canonical=Canonical(database.connection),
            roles=database.roles,
            databases=self._databases,
            filled=database.filled,
            declared=self._rules,
            variety=max(self._rows // DRAWN, 1),
        )


def _unstated(shape: TableShape, types: DatabaseTypes) -> int:
    """The number of a table's CHECKs that the types do not state."""
    table = str(shape.name)
    return len({each.subject for each in types.unstated if (each.table, each.kind) == (table, "rule")})
