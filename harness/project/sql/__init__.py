"""SQL inside the project's YAML: predicates, expressions, queries and statements, read by PostgreSQL's own parser.

``$name`` outside of quotes is a variable of the check. For the parser it is a parameter, for a probe a literal.
:mod:`.parsing` checks a text and fills in variables, :mod:`.contents` lists the parts of one, :mod:`.truth` says which
values it can have, :mod:`.deciding` by which rows one of its conditions alone decides. Every function raises
:class:`SqlError` for a text that is not SQL. Whole files are read by :mod:`harness.project.sqlfile`.
"""

from harness.grammar import SqlError
from harness.project.sql.comparisons import Comparisons, Operand, comparisons, named_columns, relations, whole_numbers
from harness.project.sql.contents import (
    ColumnRef,
    Constant,
    Pattern,
    arguments,
    calls,
    column_refs,
    columns,
    conjuncts,
    constant_calls,
    constants,
    default,
    disjuncts,
    equalities,
    figured_name,
    functions,
    is_call,
    patterns,
    returns_nothing,
    tables,
    unqualified,
)
from harness.project.sql.deciding import deciding
from harness.project.sql.parsing import (
    bind,
    element,
    expression,
    is_name,
    predicate,
    query,
    renamed,
    replace_value,
    statement,
    variables,
)
from harness.project.sql.truth import can_be_false

__all__ = [
    "ColumnRef",
    "Comparisons",
    "Constant",
    "Operand",
    "Pattern",
    "SqlError",
    "arguments",
    "bind",
    "calls",
    "can_be_false",
    "column_refs",
    "columns",
    "comparisons",
    "conjuncts",
    "constant_calls",
    "constants",
    "deciding",
    "default",
    "disjuncts",
    "element",
    "equalities",
    "expression",
    "figured_name",
    "functions",
    "is_call",
    "is_name",
    "named_columns",
    "patterns",
    "predicate",
    "query",
    "relations",
    "renamed",
    "replace_value",
    "returns_nothing",
    "statement",
    "tables",
    "unqualified",
    "variables",
    "whole_numbers",
]
