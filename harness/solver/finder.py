"""Finds combinations of values that keep the rules of some columns, by asking the server.

Decides which candidates are laid out, which rules are left out (they read tables), and when numbers or texts are
varied. Raises :class:`~harness.solver.rules.Unfillable` with the rules that nothing keeps.
Not here: the step by step search (``search.py``), and values for one column (``values/candidates.py``).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from harness.catalog.model import Catalog, Column, Table
from harness.oracle import Answer, Introspection, Oracle
from harness.probes.statement import identifier
from harness.project import Tuple, Values, sql
from harness.solver.pool import Memo, Pool
from harness.solver.rules import Rule, Unfillable, about, deciding_columns, rules_of_shared_domain
from harness.solver.search import Search, product
from harness.values.candidates import candidates, whole_values
from harness.values.constants import constants_of, words
from harness.values.types import needs_server

ENOUGH = 40
"""Values of a column that is part of a key, so that rows of a scenario can differ in it."""

SEEN = 20
"""Combinations, and values of a column, by which it is seen whether rules ask for the value of a reference."""


class PoolFinder:
    """Lays candidates out and keeps the combinations that the server says keep all rules."""

    def __init__(self, oracle: Oracle, introspection: Introspection, mixed: int = 0) -> None:
        """``mixed`` is how many candidates are made of several constants and patterns each."""
        self._oracle, self._mixed = oracle, mixed
        self._introspection = introspection
        self._memo = Memo()

    def pool(
        self,
        catalog: Catalog,
        table: Table,
        columns: tuple[str, ...],
        rules: Sequence[Rule],
        known: Sequence[Rule],
        advice: str = "",
    ) -> Pool:
        """The combinations for columns that keep ``rules``; the constants of all ``known`` rules are candidates.

        Raises :class:`Unfillable`, naming the columns and their rules, followed by the ``advice``.
        """
        tried = product([self._alone(table, column, rules, known) for column in columns])
        kept = self.valid(table, columns, tried, rules) or self._searched(table, columns, rules, known)
        asked = about(table, columns, rules) if not kept else []
        reading = [rule for rule in asked if self._reads_tables(catalog, table, rule)]
        if reading:
            # They are about rows that are not there yet.
            return self.pool(catalog, table, columns, [rule for rule in rules if rule not in reading], known, advice)
        if not kept:
            names = ", ".join(dict.fromkeys(rule.constraint or rule.predicate for rule in asked))
            if not names:
                names = ", ".join(f"its type {table.column(column).type}" for column in columns)
            why = f"no values of {', '.join(columns)} found that keep {names}{advice}"
            raise Unfillable(why + self._failing(table, columns, rules), table)
        if len(columns) == 1 and len(kept) < ENOUGH and _has_to_vary(table, columns[0]):
            varied = [row for row in _varied(table.column(columns[0]), kept) if row not in kept]
            kept += self.valid(table, columns, varied, rules)
        return Pool(columns, tuple(kept), tuple(self._valued(catalog, table, columns, kept, rules)))

    def candidates(self, table: Table, column: str, rules: Iterable[Rule]) -> Tuple:
        """Candidate values of one column, by the constants of all rules that it decides."""
        definition = table.column(column)
        computed = about(table, (column,), (Rule(each.default or "") for each in table.columns if each.generated))
        asked = (table.name.schema, tuple(rule.predicate for rule in (*about(table, (column,), rules), *computed)))
        constants = self._memo(asked, lambda: constants_of(self._introspection, *asked))
        settings = self._oracle.settings(table.name).values()
        known = constants.also((*self._defaults(definition), *settings))
        found = candidates(definition, known, mixed=self._mixed)
        # A constant may be a whole value of a type of which only the server knows the input: `'t'` is the `true` that
        # is among the candidates already.
        whole = whole_values(definition, known)
        if whole or needs_server(definition):
            return (*self._readable(definition, (*found, *whole)), None)
        return found

    def _readable(self, column: Column, found: Tuple) -> list[str]:
        """The texts that are values of a column's type, each value once; the CHECKs of its own domain do not count."""
        type, texts = column.base_type, [text for text in found if text is not None]
        return self._memo((type, *texts), lambda: self._oracle.readable(type, texts)) if texts else []

    def _defaults(self, column: Column) -> list[str]:
        """The constants of a column's default: its author meant the rules to let it pass."""
        if not column.default or column.generated:
            return []
        constants = [constant.text for constant in sql.constants(column.default)]
        return [*constants, *self._introspection.constant_results(sql.constant_calls(column.default))]

    def widest(self, table: Table, column: str, rules: Sequence[Rule]) -> str | None:
        """The range that contains the most of those that keep all rules: where it can be, the one without bounds."""
        everything = "{(,)}" if table.column(column).base_kind == "m" else "(,)"
        tried = [(everything,), *((value,) for value in self.candidates(table, column, rules) if value is not None)]
        kept = self.valid(table, (column,), tried, rules)
        if kept[:1] == tried[:1]:
            return everything
        pairs = [(one, other) for one in kept for other in kept]
        answers = self._oracle.pairs(table, (column,), pairs, [(identifier(column), "@>")])
        inside = Counter(one for (one, _), answer in zip(pairs, answers, strict=True) if answer[0] is Answer.TRUE)
        return next((value for (value,), _ in inside.most_common(1)), None)

    def valid(
        self, table: Table, columns: tuple[str, ...], rows: Sequence[Tuple], rules: Sequence[Rule]
    ) -> list[Tuple]:
        """The combinations that keep all rules about these columns."""
        asked = [rule.predicate for rule in about(table, columns, rules)]
        not_null = [index for index, column in enumerate(columns) if table.column(column).not_null]
        return [
            row
            for row, answer in zip(rows, self._oracle.answers(table, columns, rows, asked), strict=True)
            if all(value.holds for value in answer) and all(row[index] is not None for index in not_null)
        ]

    def _reads_tables(self, catalog: Catalog, table: Table, rule: Rule) -> bool:
        """Whether a rule calls functions that read tables or views."""
        calls = sql.calls(rule.predicate)
        bodies = [source.text for source in self._introspection.function_sources(table.name.schema, calls)]
        named = {name.rpartition(".")[2] for name in words(bodies, _READ)}
        return bool(named) and bool(
            named & {each.table.lower() for each in catalog.tables} or self._introspection.views(named)
        )

    def _failing(self, table: Table, columns: tuple[str, ...], rules: Sequence[Rule]) -> str:
        """A remark about the first rule that fails on all values, most often for a function that is broken."""
        found = product([self.candidates(table, column, rules) for column in columns])
        rows = [row for row in found if None not in row][:SEEN]
        for rule in about(table, columns, rules):
            answers = self._oracle.answers(table, columns, rows, [rule.predicate])
            if rows and all(answer is Answer.ERROR for (answer,) in answers):
                why = self._oracle.failure(table, columns, rows[0], rule.predicate)
                return f" ({rule.constraint or rule.predicate} fails on every value: {why})"
        return ""

    def _valued(
        self, catalog: Catalog, table: Table, columns: tuple[str, ...], kept: Sequence[Tuple], rules: Sequence[Rule]
    ) -> Iterator[str]:
        """The columns of foreign keys of which rules ask more than whether they are NULL."""
        rows = [*kept[:SEEN], *kept[-SEEN:]]
        for place, column in enumerate(columns):
            if column not in table.foreign_columns:
                continue
            others = [value for value in self.candidates(table, column, rules) if value is not None][:SEEN]
            changed = [
                (*row[:place], other, *row[place + 1 :]) for row in rows if row[place] is not None for other in others
            ]
            changed = list(dict.fromkeys(changed))
            shared = rules_of_shared_domain(catalog, table, column)
            if len(self.valid(table, columns, changed, [rule for rule in rules if rule not in shared])) < len(changed):
                yield column

    def _alone(
        self, table: Table, column: str, rules: Sequence[Rule], known: Sequence[Rule], tied: tuple[str, ...] = ()
    ) -> Tuple:
        """The candidates of a column that keep the rules about it alone.

        Candidates also come from rules about the columns that are ``tied`` to it: few combinations are missed where
        each column has few values.
        """
        if tied:
            # As if each of these rules named this column.
            known = [
                Rule(f"({rule.predicate}\n) and {identifier(column)} is null") for rule in about(table, tied, known)
            ]
        own = [rule for rule in rules if deciding_columns(table, rule.predicate) == (column,)]
        single = [(value,) for value in self.candidates(table, column, known)]
        return tuple(value for (value,) in self.valid(table, (column,), single, own))

    def _searched(
        self, table: Table, columns: tuple[str, ...], rules: Sequence[Rule], known: Sequence[Rule]
    ) -> list[Tuple]:
        """Combinations that take a search to find, step by step."""

        def valid(choices: Sequence[Values], predicates: Sequence[str]) -> list[Values]:
            if not choices:
                return []
            names = tuple(choices[0])
            rows = [tuple(choice[name] for name in names) for choice in choices]
            answers = self._oracle.answers(table, names, rows, predicates)
            return [choice for choice, found in zip(choices, answers, strict=True) if all(each.holds for each in found)]

        options = {column: self._alone(table, column, rules, known, columns) for column in columns}
        if not all(options.values()):
            return []
        asked = [rule.predicate for rule in about(table, columns, rules)]
        found = Search(lambda predicate: deciding_columns(table, predicate), options, valid).run(asked)
        return [tuple(choice[column] for column in columns) for choice in found]


def _has_to_vary(table: Table, column: str) -> bool:
    """Whether rows of one scenario have to differ in a column of texts or of numbers."""
    varied = (*_TEXTS, *_NUMBERS)
    return table.column(column).base_name in varied and any(column in key.columns for key in table.unique_keys)


_READ = r"\b(?:from|join)\s+(?:only\s+)?((?:\w+\.)*\w+)"

_TEXTS = ("text", "varchar", "citext")
_NUMBERS = ("int2", "int4", "int8", "numeric")


def _varied(column: Column, rows: Sequence[Tuple]) -> Iterator[Tuple]:
    """Numbers in a row; texts that keep a rule, with a number before or behind: most rules let that pass."""
    if column.base_name in _NUMBERS:
        yield from ((str(number),) for number in range(1, 5 * ENOUGH))
        return
    for number, text in itertools.product(range(1, ENOUGH), [text for (text,) in rows if text is not None][:4]):
        yield (f"{number}{text}",)
        yield (f"{text}{number}",)
