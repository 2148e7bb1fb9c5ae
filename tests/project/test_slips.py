"""Slips in keys that real kinds read for themselves: each is one message with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import read_text
from harness.errors import ProjectError
from harness.kinds import KINDS

FORMS = "schema, schema NAME, sequence S.NAME, function S.NAME(TYPES), view S.NAME or defaults of ROLE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "module: t\nchecks:\n  - privileges: {a: [execute]}\n    on: function t.f\n",
            f"t.yml:4:9: expected {FORMS}, found 'function t.f'\n"
            "hint: with the types of its arguments: function shop.total(integer)",
        ),
        (
            "module: t\nchecks:\n  - privileges: {a: [usage]}\n    on: table t.f\n",
            f"t.yml:4:9: expected {FORMS}, found 'table t.f'",
        ),
        (
            "module: t\nchecks:\n  - privileges: {a: [usage]}\n",
            f"t.yml:3:5: 'privileges': in the file of a module say `on`: {FORMS}",
        ),
        (
            "table: t.a\nchecks:\n  - privileges: {a: [usage]}\n    on: schema\n",
            "t.yml:3:5: 'privileges': of a table they say nothing `on`: other objects belong into the file of a module",
        ),
        (
            "table: t.a\nchecks:\n  - unique: lower(mail\n    constraint: b\n",
            "t.yml:3:23: not a column or an expression: the expression ends too early\n    lower(mail\n              ^",
        ),
        (
            "table: t.a\nchecks:\n  - audited: t.log\n    row: id = $new.id\n    on: [insert]\n    of: [a]\n",
            "t.yml:3:5: 'audited': `of` are columns that an update changes: say `on: update`",
        ),
        (
            "table: t.a\nchecks:\n  - privileges: {app: [select, delet]}\n",
            "t.yml:3:5: 'privileges': unknown privilege 'delet'; did you mean 'delete'?",
        ),
        (
            "module: t\nchecks:\n  - privileges: {app: [usage, selct]}\n    on: sequence t.n\n",
            "t.yml:3:5: 'privileges': unknown privilege 'selct'; did you mean 'select'?",
        ),
        (
            'table: t.a\nchecks:\n  - privileges: {app: ["updat (b)"]}\n',
            "t.yml:3:5: 'privileges': unknown privilege 'updat (b)'; did you mean 'update'?",
        ),
        (
            "table: t.a\ncolumns:\n  b: {type: text, default: open}\n",
            "t.yml:3:28: not a default: a default cannot name the column open; "
            "a text has quotes of its own: \"'open'\"",
        ),
        (
            "table: t.a\ncolumns:\n  b: {type: text, default: lower(c)}\n",
            "t.yml:3:28: not a default: a default cannot name the column c",
        ),
        (
            "table: t.a\nchecks:\n  - unique: b, c\n",
            "t.yml:3:13: expected a list, found 'b, c'\nhint: [b, c]",
        ),
        (
            "table: t.a\nchecks:\n  - primary_key: b, c\n",
            "t.yml:3:18: expected a list, found 'b, c'\nhint: [b, c]",
        ),
        (
            "table: t.a\nchecks:\n  - row_security: s\n    as: app\n    claims: {app.team: $team}\n"
            "    sees: b = $teem\n",
            "t.yml:3:5: 'row_security': no claim sets $teem; did you mean $team?",
        ),
        (
            "table: t.a\nchecks:\n  - immutable: [b]\n    as: app\n    claims: {app.team: $team}\n    sees: b = $x\n"
            "    refused_by: {trigger: t}\n",
            "t.yml:3:5: 'immutable': no claim sets $x",
        ),
    ],
)
def test_a_slip(text: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        list(read_text(text, Path("t.yml"), "t", KINDS))
    assert str(caught.value) == message
