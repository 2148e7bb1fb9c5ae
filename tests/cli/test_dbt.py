"""The verbs of dbt that are none here, and what stands for them."""

from __future__ import annotations

import re

import click
import pytest

from harness.cli.dbt import COUNTERPARTS
from harness.cli.entry import harness
from tests.cli.conftest import Run

OF_DBT = """\
build clean clone compile debug deps docs init list ls parse retry run run-operation seed show snapshot source test
"""
"""The commands of dbt-core 1.8."""


def test_every_verb_of_dbt_is_one_here_or_answered() -> None:
    assert {*OF_DBT.split()} - {*harness.commands} == {*COUNTERPARTS}


@pytest.mark.parametrize("verb", COUNTERPARTS)
def test_a_verb_of_dbt(run: Run, verb: str) -> None:
    code, out, err = run(verb, "--select", "orders")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"Error: no such command {verb!r}; dbt's {verb} {COUNTERPARTS[verb]}"
    assert re.match(r"is: |has no counterpart: ", COUNTERPARTS[verb])


@pytest.mark.parametrize("verb", COUNTERPARTS)
def test_what_is_named_exists(verb: str) -> None:
    for name, option in re.findall(r"harness (\w+)(?: (--[\w-]+))?", COUNTERPARTS[verb]):
        known = {each for parameter in harness.commands[name].params for each in parameter.opts}
        assert not option or option in known, option


def test_any_other_word_is_answered_as_ever(run: Run) -> None:
    code, _, err = run("tset")
    assert code == 2
    assert "No such command 'tset'" in err and "dbt" not in err


def test_dbt_is_not_listed_in_help(run: Run) -> None:
    assert not {*COUNTERPARTS} & {*harness.list_commands(click.Context(harness))}
    assert "snapshot" not in run("--help")[1]
