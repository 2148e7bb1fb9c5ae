"""Checks written once, under ``shared:`` of ``project.yml``, and used by ``- use: name`` elsewhere.

They are kept as nodes: the values of parameters are put in before anything is read by its type. Refuses unknown,
missing and unused parameters, and shared checks that use one another in a circle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.errors import Place, ProjectError, did_you_mean
from harness.grammar import quoted
from harness.project.nodes import (
    ListNode,
    MappingNode,
    Node,
    Scalar,
    as_mapping,
    as_scalar,
    as_sequence,
    described,
    expected,
)

USE = "use"
WITH = "with"
OWN = ("table", "schema", "table_name")
"""Parameters that every use has by itself: ``shop.orders``, ``shop`` and ``orders``."""
_RESERVED = (*OWN, "new", "old")
_NAME = r"[^\W\d]\w*"
_VARIABLE = re.compile(rf"(?<!\$)\$(?:(?P<word>{_NAME})(?![\w$])|\{{(?P<braced>[^{{}}]*)\}})")

Arguments = Mapping[str, Node]
"""The values of parameters by their names."""


@dataclass(frozen=True)
class Shared:
    """A list of checks and its parameters, each with its default or None. The place is that of its name."""

    name: str
    parameters: Mapping[str, Node | None]
    checks: tuple[MappingNode, ...]
    place: Place


def read(node: Node) -> dict[str, Shared]:
    """The value of ``shared:``; raises :class:`ProjectError`."""
    return {
        name.text: _shared(name, as_mapping(value, "a mapping with 'checks'"))
        for name, value in as_mapping(node, "a mapping of lists of checks").entries
    }


def is_use(entry: Node) -> bool:
    """Whether an entry of ``checks:`` uses shared checks."""
    return isinstance(entry, MappingNode) and bool(entry.entries) and entry.entries[0][0].text == USE


def own_arguments(table: tuple[str, str] | None, module: str, place: Place) -> dict[str, Node]:
    """The values of :data:`OWN` for the checks of a table, or of a module."""
    texts = {"schema": quoted(table[0] if table else module)}
    if table:
        texts |= {"table": ".".join(map(quoted, table)), "table_name": table[1]}
    return {name: Scalar(text, place, quoted=True) for name, text in texts.items()}


@contextmanager
def naming_use(entry: MappingNode) -> Iterator[None]:
    """Adds the place of use to the message of an error in shared checks."""
    try:
        yield
    except ProjectError as error:
        raise ProjectError(
            f"{error.message} (shared checks {described(entry.entries[0][1])}, used in {entry.place})",
            place=error.place,
            excerpt=error.excerpt,
            hint=error.hint,
        ) from None


def _shared(name: Scalar, node: MappingNode) -> Shared:
    _refuse_unknown(node, ("parameters", "checks"), f"shared checks {name.text!r}")
    checks = node.get("checks")
    if checks is None:
        raise ProjectError(f"shared checks {name.text!r} need the key 'checks'", place=name.place)
    found = tuple(
        as_mapping(entry, "a check, which begins with its kind")
        for entry in as_sequence(checks, "a list of checks").items
    )
    shared = Shared(name.text, _parameters(node.get("parameters")), found, name.place)
    _refuse_unused(shared)
    return shared


def _parameters(node: Node | None) -> dict[str, Node | None]:
    """The parameters from a list of names, or from a mapping to their defaults; one without a default is required."""
    if node is None:
        return {}
    named: Iterable[tuple[Scalar, Node | None]]
    if isinstance(node, MappingNode):
        named = ((name, None if _is_empty(value) else value) for name, value in node.entries)
    else:
        items = node.items if isinstance(node, ListNode) else (node,)
        named = [(as_scalar(item, "the name of a parameter"), None) for item in items]
    found: dict[str, Node | None] = {}
    for name, default in named:
        if not re.fullmatch(_NAME, name.text):
            raise expected("the name of a parameter: letters, digits and _", name)
        if name.text in _RESERVED or name.text in found:
            why = "means something already" if name.text in _RESERVED else "is there twice"
            raise ProjectError(f"the parameter {name.text!r} {why}", place=name.place, hint="give it another name")
        found[name.text] = default
    return found


def _refuse_unused(shared: Shared) -> None:
    """Refuses a parameter that no check uses, and ``${braces}`` around a name that is no parameter."""
    found = [(match, scalar) for scalar in _scalars(shared.checks) for match in _VARIABLE.finditer(scalar.text)]
    known = (*shared.parameters, *OWN)
    for match, scalar in found:
        braced = match["braced"]
        if braced is not None and braced not in known:
            raise ProjectError(
                f"${{{braced}}} is no parameter of {shared.name!r}{did_you_mean(braced, known)}",
                place=scalar.place,
                hint=f"parameters: {', '.join(known)}",
            )
    words = {_name(match) for match, _ in found}
    for name in shared.parameters:
        if name not in words:
            raise ProjectError(
                f"the parameter {name!r} of {shared.name!r} stands nowhere in its checks",
                place=shared.place,
                hint=f"write ${name} where it belongs, or leave it out",
            )


def _scalars(found: Iterable[Node]) -> Iterator[Scalar]:
    for node in found:
        match node:
            case Scalar():
                yield node
            case ListNode():
                yield from _scalars(node.items)
            case _:
                yield from _scalars(each for entry in node.entries for each in entry)


def expand(
    entry: MappingNode, known: Mapping[str, Shared], own: Arguments, above: tuple[str, ...] = ()
) -> Iterator[MappingNode]:
    """The checks that an entry with ``use`` stands for; raises :class:`ProjectError`.

    ``above`` are the shared checks that lead to it, the outermost first.
    """
    _refuse_unknown(entry, (USE, WITH), USE)
    name = as_scalar(entry.entries[0][1], "the name of shared checks")
    if name.text not in known:
        raise ProjectError(
            f"no shared checks {name.text!r}{did_you_mean(name.text, known)}",
            place=name.place,
            hint=f"shared: {', '.join(known)}" if known else "write them under 'shared' of project.yml",
        )
    if name.text in above:
        circle = " -> ".join((*above[above.index(name.text) :], name.text))
        raise ProjectError(f"shared checks use one another in a circle: {circle}", place=name.place)
    values = {**own, **_arguments(entry, known[name.text], own)}
    with naming_use(entry):
        for check in known[name.text].checks:
            filled = as_mapping(_filled(check, values))
            yield from expand(filled, known, own, (*above, name.text)) if is_use(filled) else (filled,)


def _arguments(entry: MappingNode, shared: Shared, own: Arguments) -> dict[str, Node]:
    """The parameters of a use: the values under ``with``, else their defaults."""
    given = entry.get(WITH)
    written = as_mapping(given, "a mapping of parameters") if given is not None else MappingNode((), entry.place)
    _refuse_unknown(written, tuple(shared.parameters), f"with of {shared.name}", "parameter")
    values: dict[str, Node] = {}
    for name, default in shared.parameters.items():
        value = written.get(name)
        if value is not None and not _is_empty(value):
            values[name] = value
        elif default is not None:
            values[name] = _filled(default, own)
        else:
            raise ProjectError(
                f"{shared.name!r} needs the parameter {name!r}",
                place=entry.place,
                hint=f"write {WITH}: {{{name}: …}}; its checks stand in {shared.place}",
            )
    return values


def _filled(node: Node, values: Arguments) -> Node:
    """The node with the values put in; a text that is one parameter may become a list or a mapping."""
    if isinstance(node, Scalar):
        whole = _VARIABLE.fullmatch(node.text)
        name = _name(whole) if whole else ""
        return values[name] if name in values else _filled_text(node, values)
    if isinstance(node, ListNode):
        return ListNode(tuple(_filled(item, values) for item in node.items), node.place)
    entries: dict[str, tuple[Scalar, Node]] = {}
    for written, value in node.entries:
        key = _filled_text(written, values)
        if key.text in entries:
            raise ProjectError(f"key {key.text!r} is given twice", place=key.place)
        entries[key.text] = key, _filled(value, values)
    return MappingNode(tuple(entries.values()), node.place)


def _filled_text(scalar: Scalar, values: Arguments) -> Scalar:
    def put(found: re.Match[str]) -> str:
        name = _name(found)
        if name not in values:
            if name in OWN:
                raise ProjectError(f"${name} in the checks of a module, which have no table", place=scalar.place)
            return found[0]
        value = values[name]
        if not isinstance(value, Scalar):
            raise ProjectError(
                f"{described(value)} for ${name}, which stands within a text",
                place=scalar.place,
                hint="give it a text, or let it stand alone",
            )
        return value.text

    text = _VARIABLE.sub(put, scalar.text)
    return scalar if text == scalar.text else replace(scalar, text=text, lines=())


def _name(found: re.Match[str]) -> str:
    return str(found["word"] or found["braced"])


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_empty


def _refuse_unknown(node: MappingNode, allowed: tuple[str, ...], label: str, what: str = "key") -> None:
    for name, _ in node.entries:
        if name.text not in allowed:
            raise ProjectError(
                f"unknown {what} {name.text!r} in {label!r}{did_you_mean(name.text, allowed)}",
                place=name.place,
                hint=f"{what}s: {', '.join(allowed)}" if allowed else f"it has no {what}s",
            )
