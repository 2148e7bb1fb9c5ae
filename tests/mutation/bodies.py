"""The bodies of functions with a statement less, or with a condition that says otherwise.

PL/pgSQL is taken apart by the words that open and close its blocks. PostgreSQL itself looks at no more than the syntax
of a body when the function is created, so whatever is left may be nonsense in ways that show only when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .expressions import edits
from .words import Edit, Word, scanned, shown, without


@dataclass(frozen=True)
class Statement:
    """From its first word to its semicolon. Whatever stands within it comes after it."""

    words: tuple[Word, ...]

    @property
    def start(self) -> int:
        return self.words[0].start

    @property
    def end(self) -> int:
        return self.words[-1].end


def procedural(body: str) -> Iterator[Edit]:
    """Edits of a body in PL/pgSQL."""
    words = scanned(body)
    for statement in statements(words):
        taken = shown(body[statement.start : statement.end])
        yield Edit(statement.start, statement.end, "null;", f"without {taken}")
    for condition in conditions(words):
        text = shown(body[condition[0].start : condition[-1].end])
        for value in ("true", "false"):
            yield Edit(condition[0].start, condition[-1].end, value, f"{value} for {text}")
    yield from _initial(body, words)
    yield from _assignments(body, words)
    yield from clauses(body, words)


def sql(body: str) -> Iterator[Edit]:
    """Edits of a body, or of a view's query, in SQL."""
    words = scanned(body)
    yield from clauses(body, words)
    for index, word in enumerate(words):
        if word.text == "order" and words[index + 1].text == "by":
            ordered = _until(words, index, ("limit", "for", ";", "returning"))
            yield Edit(word.start, ordered[-1].end, "", f"without {shown(body[word.start : ordered[-1].end])}")
        elif word.text == "on" and words[index + 1].text == "conflict":
            rest = _until(words, index, ("returning", ";"))
            yield Edit(word.start, rest[-1].end, "", f"without {shown(body[word.start : rest[-1].end])}")
        elif word.text == "left" and words[index + 1].text == "join":
            joined = body[words[index + 1].start : words[index + 5].end]
            yield Edit(word.start, word.end, "inner", f"inner {shown(joined)}")


def clauses(body: str, words: Sequence[Word]) -> Iterator[Edit]:
    """What both languages share: conditions, columns that an UPDATE sets, codes of errors."""
    said = _ranges_of_no_rule(words)
    for edit in edits(body, words):
        if not any(start <= edit.start < end for start, end in said):
            yield edit
    for listed in _assigned(words):
        for number, (first, last) in enumerate(listed):
            if len(listed) > 1:
                yield Edit(*without(listed, number), "", f"without set {shown(body[first.start : last.end])}")
    for index, word in enumerate(words):
        if word.text == "where":
            ends = ("group", "order", "limit", "returning", "on", ";", "for")
            end = _until(words, index, ends)[-1].end
            yield Edit(word.start, end, "", f"without {shown(body[word.start : end])}")
        elif word.text == "errcode":
            code = words[index + 2]
            yield Edit(code.start, code.end, "'22000'", f"errcode {code.text} as 22000")


def locks(body: str) -> Iterator[Edit]:
    """Rows read without FOR SHARE, FOR UPDATE and the like: what only another session can show."""
    words = scanned(body)
    for index, word in enumerate(words[:-1]):
        if word.text == "for" and words[index + 1].text in ("share", "update", "key", "no"):
            last = index + 1
            while words[last].text in ("no", "key"):
                last += 1
            yield Edit(word.start, words[last].end, "", f"without {body[word.start : words[last].end]}")


def statements(words: Sequence[Word]) -> Iterator[Statement]:
    """The statements of a body, those within others too; blocks and their declarations are none."""
    index = next(at for at, word in enumerate(words) if word.text == "begin") + 1
    while index < len(words):
        text = words[index].text
        if text in ("begin", "else", "loop", "exception", "declare"):
            index += 1
        elif text == "end":
            index = _semicolon(words, index) + 1
        elif text in ("if", "elsif", "while", "for", "foreach"):
            yield from [] if text == "elsif" else [_compound(words, index)]
            index = _header(words, index) + 1
        else:
            end = _semicolon(words, index)
            yield Statement(tuple(words[index : end + 1]))
            index = end + 1


def conditions(words: Sequence[Word]) -> Iterator[tuple[Word, ...]]:
    """What IF, ELSIF and WHILE ask."""
    for index, word in enumerate(words):
        if word.text in ("if", "elsif", "while") and words[index - 1].text != "end":
            yield tuple(words[index + 1 : _header(words, index)])


def _compound(words: Sequence[Word], index: int) -> Statement:
    """IF … END IF, FOR … END LOOP."""
    level, at = 0, index
    while True:
        text, before = words[at].text, words[at - 1].text if at else ""
        if text in ("if", "loop"):
            level += -1 if before == "end" else 1
            if level == 0:
                break
        at += 1
    return Statement(tuple(words[index : _semicolon(words, at) + 1]))


def _header(words: Sequence[Word], index: int) -> int:
    """Where THEN or LOOP ends what IF or FOR began; those of a CASE within it do not."""
    expected, cases = "then" if words[index].text in ("if", "elsif") else "loop", 0
    for at in range(index + 1, len(words)):
        cases += (words[at].text == "case") - (words[at].text == "end" and cases > 0)
        if words[at].text == expected and cases == 0:
            return at
    raise ValueError(f"nothing ends what {words[index].text} began")


def _semicolon(words: Sequence[Word], index: int) -> int:
    return next((at for at in range(index, len(words)) if words[at].text == ";"), len(words) - 1)


def _until(words: Sequence[Word], index: int, ends: Sequence[str]) -> list[Word]:
    """The words from there to one of the ends at the same depth, or to where the depth falls."""
    found = [words[index]]
    for word in words[index + 1 :]:
        if word.depth < words[index].depth or (word.depth == words[index].depth and word.text in ends):
            break
        found.append(word)
    return found


def _assigned(words: Sequence[Word]) -> Iterator[list[tuple[Word, Word]]]:
    """What UPDATE … SET sets."""
    for index, word in enumerate(words):
        if word.text == "set":
            assignments: list[list[Word]] = [[]]
            for other in _until(words, index, ("from", "where", "returning", ";"))[1:]:
                if other.text == "," and other.depth == word.depth:
                    assignments.append([])
                else:
                    assignments[-1].append(other)
            yield [(assigned[0], assigned[-1]) for assigned in assignments]


def _initial(body: str, words: Sequence[Word]) -> Iterator[Edit]:
    """Declarations without the value that they begin with."""
    if words[0].text != "declare":
        return
    end = next(index for index, word in enumerate(words) if word.text == "begin")
    for index, word in enumerate(words[:end]):
        if word.text == ":=" and word.depth == 0:
            last = words[_semicolon(words, index) - 1]
            yield Edit(word.start, last.end, "", f"without {shown(body[word.start : last.end])}")


def _assignments(body: str, words: Sequence[Word]) -> Iterator[Edit]:
    """A column that a trigger assigns keeps what the client sent."""
    for index, word in enumerate(words[:-4]):
        if word.text == "new" and words[index + 1].text == "." and words[index + 3].text == ":=":
            column, start, end = words[index + 2].text, words[index + 4].start, words[_semicolon(words, index)].start
            yield Edit(start, end, f"coalesce(new.{column}, {body[start:end]})", f"new.{column} as it was sent")


def _ranges_of_no_rule(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where ``=`` compares nothing: what is set, and the options of RAISE."""
    found = [(listed[0][0].start, listed[-1][1].end) for listed in _assigned(words)]
    for index, word in enumerate(words):
        if word.text in ("raise", "diagnostics"):
            found.append((word.start, words[_semicolon(words, index)].end))
    return found
