"""Faults of ``.sqlfluff``, of settings in a file and of ``-- noqa``: an error, or only a warning.

sqlfluff ignores an unknown name, and a value of the wrong type makes each file crash. A fault that leaves the verdict
without meaning is an error here, any other a warning.
Not here: which rule a misspelled name means (``names.py``), and SQL that cannot be read (``unread.py``).
"""

from __future__ import annotations

import codecs
import configparser
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlfluff.core.config.ini import coerce_value
from sqlfluff.core.dialects import dialect_readout
from sqlfluff.core.helpers.dict import nested_combine
from sqlfluff.core.plugin.host import get_plugin_manager
from sqlfluff.core.rules import get_ruleset

from harness.errors import MigrationError, Place, ProjectError, did_you_mean
from harness.lint import names
from harness.project import sqlfile, sqltext

SETTINGS = ".sqlfluff"
_ROOT, _RULES, _INDENTATION = "sqlfluff", "sqlfluff:rules", "sqlfluff:indentation"
_FREE = ("sqlfluff:templater", "sqlfluff:layout")
"""Sections that may have any keys, or that sqlfluff checks itself."""
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_KEY = re.compile(r"(?P<key>[^\s=#;\[][^=]*?)\s*=")
_IN_SQL = re.compile(r"^--\s*sqlfluff:(?P<path>[^\n]+):(?P<value>[^:\n]*)$", re.MULTILINE)
_LISTS = {"rules": True, "exclude_rules": False, "warnings": False}
"""Settings that list rules, and whether an unknown rule there leaves the verdict without meaning."""


NOQA = "NOQA"
"""The code of sqlfluff's own warning about such comments."""
_NOQA = re.compile(r"noqa\b(?::(?:\s*(?:disable|enable)\s*=)?(?P<rules>.*))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class SqlfluffSetting:
    """``key = value`` in ``section``, at ``place``; the key of a section itself is empty."""

    section: str
    key: str
    value: str
    place: Place


@dataclass(frozen=True)
class Fault:
    """A fault of a setting; ``fatal`` if no verdict is worth anything with it."""

    text: str
    fatal: bool = False


def warnings_of(path: Path) -> list[tuple[Place, str]]:
    """The warnings about a ``.sqlfluff``; raises :class:`ProjectError` for a fatal fault."""
    return _warnings(_settings(path))


def warnings_in(path: Path, text: str) -> list[tuple[Place, str]]:
    """The warnings about the lines ``-- sqlfluff:key:value`` of a file of SQL; raises like :func:`warnings_of`."""
    found = []
    for match in _IN_SQL.finditer(text):
        *sections, key = match["path"].split(":")
        section = ":".join([_ROOT, *sections])
        place = Place(path, text.count("\n", 0, match.start()) + 1)
        pairs = (("", ""), (key.strip(), match["value"].strip()))
        found += [SqlfluffSetting(section, name, value, place) for name, value in pairs]
    return _warnings(found)


def _warnings(settings: list[SqlfluffSetting]) -> list[tuple[Place, str]]:
    found = [(each.place, fault) for each in settings for fault in _faults(each)]
    for place, fault in found:
        if fault.fatal:
            raise ProjectError(fault.text, place=place)
    return [(place, fault.text) for place, fault in found]


def _settings(path: Path) -> list[SqlfluffSetting]:
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = lambda option: option  # type: ignore[assignment,method-assign]  # as sqlfluff reads it
    try:
        text = path.read_text(encoding="utf-8")
        parser.read_string(text)
    except UnicodeDecodeError:
        raise ProjectError("is not UTF-8", place=Place(path), hint="save the file as UTF-8") from None
    except configparser.Error as error:
        raise _unreadable(path, error) from None
    lines = _lines(text)
    return [
        SqlfluffSetting(section, key, value, Place(path, lines.get((section, key))))
        for section in parser.sections()
        for key, value in (("", ""), *parser.items(section))
    ]


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The line of each section and each of its keys."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _SECTION.match(line):
            section = match["name"]
            found.setdefault((section, ""), number)
        elif match := _KEY.match(line):
            found[section, match["key"]] = number
    return found


def _unreadable(path: Path, error: configparser.Error) -> ProjectError:
    line, text = getattr(error, "lineno", None), str(getattr(error, "line", ""))
    match error:
        case configparser.DuplicateSectionError():
            message = f"the section [{error.section}] is there twice"
        case configparser.DuplicateOptionError():
            message = f"{error.option} is there twice in [{error.section}]"
        case _:
            if not isinstance(error, configparser.MissingSectionHeaderError):
                line, text = getattr(error, "errors", [(line, text)])[0]
            unclosed = text.strip("'\" ").startswith("[")
            message = "the ] of the section is missing" if unclosed else "a line is neither a [section] nor key = value"
    return ProjectError(message, place=Place(path, line))


def _faults(setting: SqlfluffSetting) -> Iterator[Fault]:
    if setting.section.startswith(_FREE):
        return
    if (known := _keys(setting.section)) is None:
        if not setting.key:
            yield Fault(f"nothing reads the section [{setting.section}]{_did_you_mean_section(setting.section)}")
    elif setting.key and setting.key not in known:
        yield Fault(f"no setting {setting.key!r} in [{setting.section}]{did_you_mean(setting.key, known)}")
    elif setting.key in _LISTS and setting.section == _ROOT:
        yield from _unknown_rules(setting)
    elif setting.key:
        yield from _faults_of_value(setting, known[setting.key])


def _keys(section: str) -> Mapping[str, Any] | None:
    """The settings of a section, each with its default; None if there is no such section."""
    if section in (_ROOT, _INDENTATION):
        return dict(_defaults()["core" if section == _ROOT else "indentation"])
    if section == _RULES:
        return dict.fromkeys(_rule_settings())  # for all rules that know them
    rule = _sections().get(section)
    if rule is None:
        return None
    return {**dict.fromkeys(rule.config_keywords), **_defaults()["rules"].get(rule.get_config_ref(), {})}


@lru_cache(maxsize=1)
def _defaults() -> Mapping[str, Any]:
    return dict(nested_combine(*get_plugin_manager().hook.load_default_config()))


@lru_cache(maxsize=1)
def _sections() -> Mapping[str, Any]:
    """The rules by the section of their settings."""
    return {f"{_RULES}:{rule.get_config_ref()}": rule for rule in names.classes().values()}


def _did_you_mean_section(section: str) -> str:
    codes = names.rules().get(section.removeprefix(f"{_RULES}:"), set())
    if len(codes) == 1:
        return f"; did you mean '{_RULES}:{names.classes()[next(iter(codes))].get_config_ref()}'?"
    return did_you_mean(section, {_ROOT, _RULES, _INDENTATION, *_sections()})


def _unknown_rules(setting: SqlfluffSetting) -> Iterator[Fault]:
    known = names.rules()
    for word in (each.strip() for each in setting.value.split(",")):
        if word and word.lower() != "none" and not names.is_rule(word, known):
            yield Fault(
                f"{setting.key} names no rule {word!r}{names.did_you_mean(word, known)}", fatal=_LISTS[setting.key]
            )


def _faults_of_value(setting: SqlfluffSetting, default: object) -> Iterator[Fault]:
    value = coerce_value(setting.value)
    said = f"{setting.key} is {setting.value!r}"
    if (choices := _choices(setting)) is not None:
        if value not in choices:
            listed = [str(each) for each in choices]
            shown = f", and has to be one of {', '.join(listed)}" if len(listed) < 10 else ""
            yield Fault(f"{said}{shown}{did_you_mean(setting.value, listed)}", fatal=True)
    elif isinstance(default, bool):
        if value not in (True, False):
            yield Fault(f"{said}, and has to be True or False", fatal=True)
    elif isinstance(default, int) and value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        yield Fault(f"{said}, and has to be a whole number", fatal=True)
    elif setting.key == "encoding" and not _is_encoding(setting.value):
        yield Fault(f"{said}, which is no encoding", fatal=True)


def _choices(setting: SqlfluffSetting) -> Collection[Any] | None:
    """The values that a setting may have; None if that cannot be told."""
    match setting.section, setting.key:
        case "sqlfluff", "dialect":
            return [each.label for each in dialect_readout()]
        case "sqlfluff", "templater":
            return [each.name for found in get_plugin_manager().hook.get_templaters() for each in found]
        case "sqlfluff:indentation", "indent_unit":
            return ["space", "tab"]
    if setting.section == _RULES or setting.section in _sections():
        valid: Collection[Any] | None = _rule_settings().get(setting.key, {}).get("validation")
        return valid
    return None


def _rule_settings() -> Mapping[str, Any]:
    """The settings of rules, with their meaning and valid values."""
    return get_ruleset().config_info


def _is_encoding(name: str) -> bool:
    try:
        return name == "autodetect" or bool(codecs.lookup(name))
    except LookupError:
        return False


def without_effect(path: Path, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Line, column and fault of each comment of a file that names no rule of those ``known``."""
    with suppress(ProjectError, MigrationError):  # it has its own error
        text = sqlfile.read(path, path)
        for start, comment in _comments(path, text):
            place = sqltext.position(text, start)
            yield from ((*place, fault) for fault in _faults_of_comment(comment, known))


def _comments(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each comment, if one of them may be meant for sqlfluff."""
    if "noqa" not in text.lower():
        return
    for kind, start, end in sqltext.lexemes(path, text):
        if kind == "block":
            yield start, text[start:end].removeprefix("/*").removesuffix("*/")
        elif text.startswith("--", start):
            yield start, text[start:end]


def _faults_of_comment(comment: str, known: Collection[str]) -> Iterator[str]:
    match = _NOQA.match(comment.split("--")[-1].strip())  # as sqlfluff reads it
    if not match:
        return
    if not match[0].startswith("noqa"):
        yield "noqa does nothing unless it is written in lower case"
    for word in (each.strip() for each in (match["rules"] or "all").split(",")):
        if word and word != "all" and not names.is_rule(word, known):
            yield f"noqa names no rule {word!r}{_way_out(word, known)}"


def _way_out(word: str, known: Collection[str]) -> str:
    """The rule that is meant; if more is written behind it, the place for that."""
    first, _, reason = word.partition(" ")
    meant = names.did_you_mean(first, known)
    if not reason or not meant:
        return meant
    return f"{meant} A reason stands before it: -- {reason.strip()} -- noqa: …"
