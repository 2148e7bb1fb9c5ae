"""Zod schemas take what PostgreSQL takes, and name the rule that a value breaks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.server.connection import Connection, Server
from harness.types import zod
from harness.types.javascript import NODE
from harness.types.model import DatabaseTypes, ModuleTypes
from tests.types import node_programs
from tests.types.javascript_samples import EVERY_TYPE, TYPES

Messages = list[list[Any]]
NUL, LEFT_OUT = "a\0", {"$undefined": 0}

UUID = "00000000-0000-0000-0000-000000000001"
BASE: dict[str, Any] = {"case_id": UUID, "created_by": UUID}
NOON = {"$pg": [1184, "2026-01-01 12:00:00+00"]}
LATER = {"$pg": [1184, "2026-01-01 12:00:00.001+00"]}
ROW: dict[str, Any] = {
    **BASE,
    "id": UUID,
    "number": "9223372036854775807",
    "status": "pending",
    "notes": None,
    "priority": 3,
    "code": None,
    "tags": [],
    "started_at": NOON,
    "ended_at": None,
    "amount": None,
    "mood": None,
    "payload": {},
}
"""A row of milestone_actions that node-postgres gives."""


def name(message: str, *path: str | int) -> list[Any]:
    return [message, list(path)]


ROWS: Mapping[str, tuple[Mapping[str, Any], Messages]] = {
    "as it is": ({}, []),
    "all that can be": (
        {"notes": "\U0001f600" * 5, "code": "AB/\n", "tags": ["a", "b"], "amount": "0.01", "mood": "so so"},
        [],
    ),
    "a rule of two columns": ({"status": "skipped"}, [name("chk_milestone_actions_skip_notes")]),
    "the rule kept": ({"status": "skipped", "notes": "x"}, []),
    "the rule with blanks": ({"status": "skipped", "notes": "  "}, [name("chk_milestone_actions_skip_notes")]),
    "none of the set": ({"status": "lost"}, [name("chk_milestone_actions_status", "status")]),
    "none of the set, and a rule of it": (
        {"status": "gone"},
        [name("chk_milestone_actions_status", "status"), name("chk_gone", "status")],
    ),
    "none of the set, and a rule over it": (
        {"status": "lost", "ended_at": LATER},
        [name("chk_milestone_actions_status", "status"), name("chk_completed")],
    ),
    "no text in place of the set": (
        {"status": 1, "ended_at": LATER},
        [name("status (22P02)", "status")],
    ),
    "NUL in place of the set": ({"status": NUL, "ended_at": LATER}, [name("status (22021)", "status")]),
    "none of the enum": ({"mood": "sad"}, [name("mood (22P02)", "mood")]),
    "NULL where it cannot be": ({"status": None}, [name("status (23502)", "status")]),
    "NULL in a number": ({"priority": None}, [name("priority (23502)", "priority")]),
    "too long by a code point": ({"notes": "\U0001f600" * 6}, [name("chk_notes_length", "notes")]),
    "below a bound": ({"priority": 0}, [name("chk_priority", "priority")]),
    "above a bound": ({"priority": 6}, [name("chk_priority", "priority")]),
    "no match": ({"code": "ab/x"}, [name("chk_code", "code")]),
    "a match of a part": ({"code": "AB/x\n"}, [name("chk_code", "code")]),
    "none of the elements": ({"tags": ["a", "c"]}, [name("chk_tags", "tags", 1)]),
    "NULL among the elements": ({"tags": [None]}, [name("chk_tags", "tags", 0)]),
    "too many elements": ({"tags": ["a", "a", "a"]}, [name("chk_tags", "tags")]),
    "completed": ({"status": "completed", "ended_at": LATER}, []),
    "ended before it began": ({"status": "completed", "started_at": LATER, "ended_at": NOON}, [name("chk_ended")]),
    "completed without an end": ({"status": "completed"}, [name("chk_completed")]),
    "not above a bound": ({"amount": "0.00"}, [name("chk_amount", "amount")]),
    "rounded to no more than a bound": ({"amount": "0.004"}, [name("chk_amount", "amount")]),
    "rounded to more than a bound": ({"amount": "0.005"}, []),
    "NaN is above it": ({"amount": "NaN"}, []),
    "too great": ({"amount": "99999999.995"}, [name("amount (22003)", "amount")]),
    "infinite": ({"amount": "Infinity"}, [name("amount (22003)", "amount")]),
    "no object": ({"payload": [1]}, [name("chk_payload", "payload")]),
    "the JSON null": ({"payload": None}, [name("chk_payload", "payload")]),
    "NUL": ({"notes": NUL}, [name("notes (22021)", "notes")]),
    "NUL in a document": ({"payload": {"a": [NUL]}}, [name("payload (22P05)", "payload")]),
    "two rules at once": (
        {"priority": 9, "amount": "-1"},
        [name("chk_priority", "priority"), name("chk_amount", "amount")],
    ),
    "a rule besides a wrong type": (
        {"id": "x", "amount": "-1"},
        [name("id (22P02)", "id"), name("chk_amount", "amount")],
    ),
    "another column": ({"more": 1}, [name('Unrecognized key: "more"')]),
}

INSERTS: Mapping[str, tuple[Mapping[str, Any], Messages]] = {
    "what it needs": ({}, []),
    "a required one left out": ({"case_id": LEFT_OUT}, [name("case_id (23502)", "case_id")]),
    "an optional one undefined": ({"notes": LEFT_OUT}, [name("notes (23502)", "notes")]),
    "the default is not skipped": ({"notes": None}, []),
    "NULL for notes that are left out": ({"status": "skipped"}, [name("chk_milestone_actions_skip_notes")]),
    "a start that is not known": ({"status": "completed", "ended_at": NOON}, []),
    "the JSON null": ({"payload": None}, [name("payload (23502)", "payload")]),
    "what only the database gives": ({"number": "1"}, [name('Unrecognized key: "number"')]),
}

UPDATES: Mapping[str, tuple[Mapping[str, Any], Messages]] = {
    "nothing": ({}, []),
    "notes that are not known": ({"status": "skipped"}, []),
    "notes that are": ({"status": "skipped", "notes": None}, [name("chk_milestone_actions_skip_notes")]),
    "NULL where it cannot be": ({"status": None}, [name("status (23502)", "status")]),
    "what never changes": ({"created_by": UUID}, [name('Unrecognized key: "created_by"')]),
}


def cases() -> Iterator[tuple[str, Mapping[str, Any], Messages]]:
    """Cases with what they are, for ``run.mjs``, and the issues that are expected."""
    folder = f"out/{NODE}/absence.js"
    for shape, base, all_cases in (("Row", ROW, ROWS), ("Insert", BASE, INSERTS), ("Update", {}, UPDATES)):
        for what, (change, expected) in all_cases.items():
            case = {"file": folder, "schema": f"milestoneActions{shape}", "value": {**base, **change}}
            yield f"{shape}: {what}", case, expected
    drafts = {"file": folder, "schema": "draftsInsert"}
    broken = [name("chk_title", "title"), name("chk_kind", "kind"), name("chk_size", "size")]
    yield "defaults that break rules", {**drafts, "value": {}}, broken
    kept = {"title": "x", "kind": "b", "size": 1}
    yield "others that do not", {**drafts, "value": kept}, []
    yield "blanks that are cut before a rule looks", {**drafts, "value": {**kept, "short": "abc  "}}, []
    yield "a blank that stays", {**drafts, "value": {**kept, "short": "ab "}}, []
    yield "too short", {**drafts, "value": {**kept, "short": "ab"}}, [name("chk_short", "short")]
    yield (
        "all wrong",
        {**drafts, "value": {"title": "", "kind": "c", "size": 0, "price": "NaN"}},
        [broken[1], broken[0], broken[2], name("chk_price", "price")],
    )
    camel = {"file": "out/camel/absence.js", "schema": "milestoneActionsInsert"}
    expected = [name("case_id (23502)", "caseId"), name("chk_milestone_actions_skip_notes")]
    yield "camelCase", {**camel, "value": {"createdBy": UUID, "status": "skipped"}}, expected
    skip = {"file": folder, "schema": "skipMilestoneActionArguments"}
    yield (
        "no notes",
        {**skip, "value": {"action": UUID, "notes": None}},
        [name("chk_milestone_actions_skip_notes", "notes")],
    )
    yield "notes", {**skip, "value": {"action": UUID, "notes": "x", "force": True}}, []
    visits = {"file": "out/postgrest/clinic.js", "schema": "visitsInsert"}
    yield "a shape", {**visits, "value": {"kind": "first", "details": {"name": "x", "tags": ["x", 1]}}}, []
    wrong = {"kind": "first", "rating": 4, "details": {"name": ""}}
    yield "no shape", {**visits, "value": wrong}, [name("chk_rating", "rating"), name("chk_details", "details")]
    yield from type_cases()
    yield from wrong_json_types()


VALUES: Mapping[str, Mapping[str, tuple[list[Any], list[tuple[Any, str]]]]] = {
    "both": {
        "an_int2": ([-32768, 32767], [(32768, "22003"), (1.5, "22P02")]),
        "an_int4": ([-(2**31)], [(2**31, "22003"), ({"$number": "NaN"}, "22P02")]),
        "a_text": (["\uffff\U0001f600", ""], [(NUL, "22021"), ("\ud800", "22021")]),
        "a_varchar": (["\U0001f600" * 3, "abc   "], [("abcd", "22001"), ("   d", "22001")]),
        "a_char": (["a  ", "a"], [("abcd", "22001")]),
        "a_uuid": ([UUID, UUID.replace("1", "F")], [("x", "22P02")]),
        "a_time": (["24:00:00", "12:00:00.000001"], [("noon", "22P02")]),
        "a_timetz": (["12:00:00+05:53:28", "12:00:00-08"], [("12:00:00", "22P02")]),
        "a_bit": (["101"], [("10", "22026"), ("102", "22P02")]),
        "a_varbit": (["", "101"], [("1010", "22001")]),
        "a_mood": (['ba"d'], [("", "22P02")]),
        "texts": ([[], ["a", None]], [([NUL], "22021")]),
        "ints": ([[1, None]], [([2**31], "22003")]),
    },
    NODE: {
        "an_int8": (["-9223372036854775808"], [("9223372036854775808", "22003"), ("1.5", "22P02")]),
        "a_numeric": (["NaN", "-Infinity", "1" * 40 + ".5"], [("1,5", "22P02")]),
        "a_price": (["99.949", "-99.94", "NaN"], [("99.95", "22003"), ("-99.95", "22003"), ("Infinity", "22003")]),
        "hundreds": (["9949"], [("9950", "22003")]),
        "a_float4": ([{"$number": "NaN"}, {"$number": "-Infinity"}], [(1e39, "22003"), (1e-60, "22003")]),
        "bigints": ([["1", None]], [(["x"], "22P02")]),
        "moods": (['{good,"so so",NULL,"ba\\"d"}', "{}"], [("{sad}", "22P02"), ("{{good}}", "22P02")]),
    },
    "postgrest": {
        "an_int8": ([2**63, -(2**53)], [(2**64, "22003"), (1.5, "22P02")]),
        "a_numeric": (["NaN", "-Infinity", 1e300], []),
        "a_price": ([99.949, "NaN"], [(99.95, "22003")]),
        "a_float4": (["NaN", "Infinity", 0.1], [(1e39, "22003")]),
        "a_date": (["infinity", "0044-03-15 BC", "294276-12-31"], [("2026-02-29", "22P02"), ("today", "22P02")]),
        "a_timestamp": (["2026-01-01T24:00:00", "2026-01-01T12:00:00.000001"], [("2026-01-01", "22P02")]),
        "a_timestamptz": (
            ["2026-01-01T12:00:00+02", "1900-01-01T12:00:00.5+05:53:28", "0044-03-15T12:00:00+00:00 BC"],
            [("2026-01-01T12:00:00", "22P02")],
        ),
        "a_bytea": (["\\x", "\\x00ff"], [("00", "22P02")]),
        "moods": ([["good", None]], [(["sad"], "22P02")]),
        "an_address": ([{"street": None, "house number": 1}], []),
    },
}
"""By driver and column of ``every_type``: values that it takes, and others with their SQLSTATE."""


def type_cases() -> Iterator[tuple[str, Mapping[str, Any], Messages]]:
    for driver in (NODE, "postgrest"):
        for column, (good, bad) in {**VALUES["both"], **VALUES[driver]}.items():
            base = {"file": f"out/{driver}/absence.js", "schema": "everyTypeUpdate"}
            for value in good:
                yield f"{driver} {column} {value!r}", {**base, "value": {column: value}}, []
            for value, state in bad:
                path = (column, 0) if isinstance(value, list) else (column,)
                expected = [name(f"{column} ({state})", *path)]
                yield f"{driver} {column} {value!r}", {**base, "value": {column: value}}, expected


def wrong_json_types() -> Iterator[tuple[str, Mapping[str, Any], Messages]]:
    """A boolean in each column that has none; and values that look like ones of the column."""
    columns = [each.name for each in EVERY_TYPE.fields if each.name not in ("a_bool", "a_json", "a_jsonb")]
    values: list[tuple[str, str, Any]] = [
        *((driver, column, True) for driver in (NODE, "postgrest") for column in columns),
        *((NODE, "a_numeric", 1.5), (NODE, "a_timestamptz", "2026-01-01T12:00:00Z"), (NODE, "a_bool", "true")),
        *(("postgrest", "a_numeric", "1.5"), ("postgrest", "an_address", []), ("postgrest", "texts", "{a}")),
    ]
    for driver, column, value in values:
        case = {"file": f"out/{driver}/absence.js", "schema": "everyTypeUpdate", "value": {column: value}}
        yield f"{driver} {column} {value!r} is of another type", case, [name(f"{column} (22P02)", column)]


def compiled(directory: Path, types: DatabaseTypes) -> None:
    """Compiles the schemas of both drivers."""
    files = {
        f"{driver}/{file}": text for driver in (NODE, "postgrest") for file, text in zod.render(types, driver).items()
    }
    files |= {f"camel/{file}": text for file, text in zod.render(types, NODE, "camel").items()}
    node_programs.write(directory, files)
    assert node_programs.compiled(directory, 7) == ""


def test_values_are_taken_or_refused_by_name(tmp_path: Path) -> None:
    compiled(tmp_path, TYPES)
    named = list(cases())
    assert len({what for what, _, _ in named}) == len(named)
    found = node_programs.judged(tmp_path, [case for _, case, _ in named])
    answers = {what: answer for (what, _, _), answer in zip(named, found, strict=True)}
    assert answers == {what: expected for what, _, expected in named}


SAMPLES: Mapping[str, tuple[str, ...]] = {
    "a_bool": ("true", "false"),
    "an_int2": ("-32768",),
    "an_int4": ("2147483647",),
    "an_int8": ("9007199254740993",),
    "an_oid": ("4294967295",),
    "a_numeric": ("NaN", "Infinity", "-0.10", "1e20"),
    "a_price": ("99.94", "NaN"),
    "hundreds": ("9949",),
    "a_float4": ("NaN", "-Infinity", "0.1", "3.4028235e38"),
    "a_float8": ("NaN", "Infinity", "1e-300"),
    "a_text": ("\U0001f600", ""),
    "a_varchar": ("a ",),
    "a_char": ("a",),
    "a_uuid": (UUID, UUID.replace("1", "F")),
    "a_date": ("2026-01-01", "0044-03-15 BC", "0001-01-01"),
    "a_timestamp": ("2026-01-01 12:00:00.123456",),
    "a_timestamptz": ("2026-01-01 12:00:00.5+02", "1850-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"),
    "a_time": ("24:00:00", "12:00:00.5"),
    "a_timetz": ("12:00:00-08:30",),
    "an_interval": ("1 year 2 mons -3 days 04:05:06.789", "0"),
    "a_json": ('{"a": "\\u0000"}', "null"),
    "a_jsonb": ('{"a": [1, null, true, "x"]}', "null", "1.5"),
    "a_bytea": ("\\x00ff", ""),
    "a_bit": ("101",),
    "a_varbit": ("1",),
    "an_inet": ("10.0.0.0/8", "::1"),
    "an_xml": (),  # not every server has it
    "a_point": ("(1,NaN)",),
    "a_circle": ("<(1,2),3>",),
    "a_range": ("[1,5)", "empty"),
    "a_mood": ('ba"d',),
    "an_address": ('("Long Street",7)', "(,)"),
    "texts": ('{a,NULL,"b c","","\\"\\\\"}', "{}"),
    "ints": ("{1,NULL}",),
    "bigints": ("{9007199254740993}",),
    "numerics": ("{1.50,NaN}",),
    "dates": ("{2026-01-01,NULL}",),
    "moods": ('{good,"so so","ba\\"d",NULL}', "{}"),
}
"""By column of ``every_type``: texts that PostgreSQL takes."""


def test_what_the_server_gives_is_taken(tmp_path: Path, server: Server) -> None:
    """Values of each type, as node-postgres parses them, and as to_json has them."""
    types = DatabaseTypes((ModuleTypes("absence", (EVERY_TYPE,), (), TYPES.modules[0].enums),))
    compiled(tmp_path, types)
    named, expected = [], []
    with server.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("create schema absence")
        connection.execute("create type absence.mood as enum ('good', 'so so', 'ba\"d')")
        connection.execute('create type absence.address as (street text, "house number" integer)')
        for zone, field in itertools.product(("UTC", "Asia/Kolkata"), EVERY_TYPE.fields):
            connection.execute(f"set timezone to '{zone}'".encode())
            for sample in SAMPLES[field.name]:
                for driver, value in given(connection, field.column.type, sample):
                    file, schema = f"out/{driver}/absence.js", "everyTypeRow"
                    named.append({"file": file, "schema": schema, "column": field.name, "value": value})
                    expected.append((driver, field.name, sample))
    found = node_programs.judged(tmp_path, named)
    assert [(*each, answer) for each, answer in zip(expected, found, strict=True) if answer] == []


def given(connection: Connection, type: str, text: str) -> Iterator[tuple[str, Any]]:
    """A value as the drivers give it, for ``run.mjs``."""
    query = f"select v::text, to_json(v)::text, pg_typeof(v)::oid::int from (select %s::{type} as v) as t"
    row = connection.execute(query.encode(), (text,)).fetchone()
    assert row is not None
    text, document, oid = row
    yield NODE, {"$pg": [oid, text]}
    yield "postgrest", {"$json": document}
