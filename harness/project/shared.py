"""Checks that are written once, under ``shared:`` of ``project.yml``, and used by ``- use: name`` of many tables.

They are kept as nodes: what a parameter stands for is put in before anything is read by its type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.errors import Place, ProjectError, did_you_mean
from harness.project import nodes
from harness.project.nodes import Node, Scalar, as_mapping, as_scalar, as_sequence, described

USE = "use"
WITH = "with"
OWN = ("table", "schema", "table_name")
"""What every use knows by itself: ``shop.orders``, ``shop`` and ``orders``."""
_TAKEN = (*OWN, "new", "old")
_NAME = r"[^\W\d]\w*"
_VARIABLE = re.compile(rf"(?<!\$)\$(?:(?P<word>{_NAME})(?![\w$])|\{{(?P<braced>[^{{}}]*)\}})")

Arguments = Mapping[str, Node]


@dataclass(frozen=True)
class Shared:
    """A list of checks and its parameters, each with its default or None. The place is that of its name."""

    name: str
    parameters: Mapping[str, Node | None]
    checks: tuple[nodes.MappingNode, ...]
    place: Place


def read(node: Node) -> dict[str, Shared]:
    """The value of ``shared:``; raises :class:`ProjectError`."""
    entries = as_mapping(node, "a mapping of lists of checks").entries
    return {name.text: _shared(name, as_mapping(value, "a mapping with 'checks'")) for name, value in entries}


def begins(entry: Node) -> bool:
    """Whether an entry of ``checks:`` stands for shared ones."""
    return isinstance(entry, nodes.MappingNode) and bool(entry.entries) and entry.entries[0][0].text == USE


def own_values(table: tuple[str, str] | None, module: str, place: Place) -> dict[str, Node]:
    """What the checks of a table, or of a module, know by themselves."""
    texts = {"schema": _quoted(table[0] if table else module)}
    if table:
        texts |= {"table": ".".join(map(_quoted, table)), "table_name": table[1]}
    return {name: Scalar(text, place, quoted=True) for name, text in texts.items()}


def expand(entry: nodes.MappingNode, known: Mapping[str, Shared], own: Arguments) -> list[nodes.MappingNode]:
    """The checks that an entry with ``use`` stands for; raises :class:`ProjectError`."""
    return list(_expand(entry, known, own, ()))


@contextmanager
def telling(entry: nodes.MappingNode) -> Iterator[None]:
    """Has an error in shared checks name the place of use as well."""
    try:
        yield
    except ProjectError as error:
        name = entry.entries[0][1]
        used = f"shared checks {described(name)}, used in {entry.place}"
        raise ProjectError(
            f"{error.message} ({used})", place=error.place, excerpt=error.excerpt, hint=error.hint
        ) from None


def _shared(name: Scalar, node: nodes.MappingNode) -> Shared:
    for key in node.names():
        if key not in ("parameters", "checks"):
            raise _unknown(node, key, ("parameters", "checks"), f"shared checks {name.text!r}")
    checks = node.get("checks")
    if checks is None:
        raise ProjectError(f"shared checks {name.text!r} need the key 'checks'", place=name.place)
    entries = as_sequence(checks, "a list of checks").items
    found = tuple(as_mapping(entry, "a check, which begins with its kind") for entry in entries)
    shared = Shared(name.text, _parameters(node.get("parameters")), found, name.place)
    _refuse_idle(shared)
    return shared


def _parameters(node: Node | None) -> dict[str, Node | None]:
    """A list of names, or a mapping to their defaults; one without a default has to be given."""
    if node is None:
        return {}
    named: Iterable[tuple[Scalar, Node | None]]
    if isinstance(node, nodes.MappingNode):
        named = ((name, None if _is_empty(value) else value) for name, value in node.entries)
    else:
        items = node.items if isinstance(node, nodes.ListNode) else (node,)
        named = [(as_scalar(item, "the name of a parameter"), None) for item in items]
    found: dict[str, Node | None] = {}
    for name, default in named:
        if not re.fullmatch(_NAME, name.text):
            raise nodes.expected("the name of a parameter: letters, digits and _", name)
        if name.text in _TAKEN or name.text in found:
            why = "means something already" if name.text in _TAKEN else "is there twice"
            raise ProjectError(f"the parameter {name.text!r} {why}", place=name.place, hint="give it another name")
        found[name.text] = default
    return found


def _refuse_idle(shared: Shared) -> None:
    """A parameter that stands nowhere, and one in braces that is none, are slips."""
    found = [(match, scalar) for scalar in _scalars(shared.checks) for match in _VARIABLE.finditer(scalar.text)]
    known = (*shared.parameters, *OWN)
    for match, scalar in found:
        braced = match["braced"]
        if braced is not None and braced not in known:
            message = f"${{{braced}}} is no parameter of {shared.name!r}{did_you_mean(braced, known)}"
            raise ProjectError(message, place=scalar.place, hint=f"parameters: {', '.join(known)}")
    words = {_name(match) for match, _ in found}
    for name in shared.parameters:
        if name not in words:
            message = f"the parameter {name!r} of {shared.name!r} stands nowhere in its checks"
            raise ProjectError(message, place=shared.place, hint=f"write ${name} where it belongs, or leave it out")


def _scalars(found: Iterable[Node]) -> Iterator[Scalar]:
    for node in found:
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, nodes.ListNode):
            yield from _scalars(node.items)
        else:
            yield from _scalars(each for entry in node.entries for each in entry)


def _expand(
    entry: nodes.MappingNode, known: Mapping[str, Shared], own: Arguments, above: tuple[str, ...]
) -> Iterator[nodes.MappingNode]:
    for key in entry.names():
        if key not in (USE, WITH):
            raise _unknown(entry, key, (USE, WITH), USE)
    name = as_scalar(entry.entries[0][1], "the name of shared checks")
    if name.text not in known:
        message = f"no shared checks {name.text!r}{did_you_mean(name.text, known)}"
        there = f"shared: {', '.join(known)}" if known else "write them under 'shared' of project.yml"
        raise ProjectError(message, place=name.place, hint=there)
    if name.text in above:
        circle = " -> ".join((*above[above.index(name.text) :], name.text))
        raise ProjectError(f"shared checks use one another in a circle: {circle}", place=name.place)
    values = {**own, **_given(entry, known[name.text], own)}
    with telling(entry):
        for check in known[name.text].checks:
            filled = as_mapping(_filled(check, values))
            yield from _expand(filled, known, own, (*above, name.text)) if begins(filled) else (filled,)


def _given(entry: nodes.MappingNode, shared: Shared, own: Arguments) -> dict[str, Node]:
    """The parameters as they are given, else their defaults."""
    given = entry.get(WITH)
    written = as_mapping(given, "a mapping of parameters") if given is not None else nodes.MappingNode((), entry.place)
    for name in written.names():
        if name not in shared.parameters:
            raise _unknown(written, name, tuple(shared.parameters), f"with of {shared.name}", "parameter")
    values: dict[str, Node] = {}
    for name, default in shared.parameters.items():
        value = written.get(name)
        if value is not None and not _is_empty(value):
            values[name] = value
        elif default is not None:
            values[name] = _filled(default, own)
        else:
            hint = f"write {WITH}: {{{name}: …}}; its checks stand in {shared.place}"
            raise ProjectError(f"{shared.name!r} needs the parameter {name!r}", place=entry.place, hint=hint)
    return values


def _filled(node: Node, values: Arguments) -> Node:
    """The node with the values put in; what is a parameter as a whole may become a list or a mapping."""
    if isinstance(node, Scalar):
        whole = _VARIABLE.fullmatch(node.text)
        name = _name(whole) if whole else ""
        return values[name] if name in values else _filled_text(node, values)
    if isinstance(node, nodes.ListNode):
        return nodes.ListNode(tuple(_filled(item, values) for item in node.items), node.place)
    entries = tuple((_filled_text(key, values), _filled(value, values)) for key, value in node.entries)
    for number, (key, _) in enumerate(entries):
        if key.text in [before.text for before, _ in entries[:number]]:
            raise ProjectError(f"key {key.text!r} is given twice", place=key.place)
    return nodes.MappingNode(entries, node.place, node.flow)


def _filled_text(scalar: Scalar, values: Arguments) -> Scalar:
    def put(found: re.Match[str]) -> str:
        name = _name(found)
        if name not in values:
            if name in OWN:
                raise ProjectError(f"${name} in the checks of a module, which have no table", place=scalar.place)
            return found[0]
        value = values[name]
        if not isinstance(value, Scalar):
            message = f"{described(value)} for ${name}, which stands within a text"
            raise ProjectError(message, place=scalar.place, hint="give it a text, or let it stand alone")
        return value.text

    text = _VARIABLE.sub(put, scalar.text)
    return scalar if text == scalar.text else replace(scalar, text=text, lines=())


def _name(found: re.Match[str]) -> str:
    return str(found["word"] or found["braced"])


def _quoted(name: str) -> str:
    """A name as SQL reads it, in quotes where it has to be."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.text and not node.quoted


def _unknown(
    node: nodes.MappingNode, key: str, allowed: tuple[str, ...], label: str, what: str = "key"
) -> ProjectError:
    name = node.key(key)
    assert name is not None
    hint = f"{what}s: {', '.join(allowed)}" if allowed else f"it has no {what}s"
    return ProjectError(f"unknown {what} {key!r} in {label!r}{did_you_mean(key, allowed)}", place=name.place, hint=hint)
