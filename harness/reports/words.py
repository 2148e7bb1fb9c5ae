"""The lines about a check that is not green, for the command line and for the pytest plugin.

Decides how values are cut, which columns of a wide row are shown, and how control characters are escaped.
Not here: expected and actual (``proving/reproduction.py``).
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Collection, Iterator

from harness.outcome import Counterexample, Outcome, Status
from harness.reports import scripts

EXAMPLES = 5
_ABOUT = re.compile(r": | by ")
NEIGHBOURS = 10
VALUE = 60
"""Characters of a value that are shown whole."""
ROW = 120
"""Characters of a row that are shown whole; of a longer one, the columns that the failure names, and as many others."""
STEP = 160
"""Characters of a step of a schedule that are shown whole."""
NOTE = 400
"""Characters of a note that are shown whole."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


MEANINGS = {
    "proved": "it was tried on drawn rows, it could have failed, and it did not",
    "present": "what is declared is in the catalog; nothing was to be tried, or nothing could be",
    "broken": "the database did otherwise, or has otherwise, than what is declared: `expected` and `actual` say how",
    "unreliable": "it could not be tried, for the reason that stands there; nothing is known of the rule",
    "error": "the tool itself failed, and the rule has no verdict; please report it",
    "probe": "a statement that was tried on the server, of which one knows beforehand what has to come of it",
    "fact": "something that was compared with the catalog",
}
"""The meanings of the words of a report, for ``harness explain``."""


def lines(outcome: Outcome) -> list[str]:
    """Returns ``expected:``, ``actual:``, the rows and ``replay:``; or ``reason:``; then each ``note:``.

    An error has its ``reason:``, a command that shows more, and the counterexamples found before it. A shared check has
    the place of its text.
    """
    return [*_verdict(outcome), *(_labelled("note", _shortened(plain(note))) for note in outcome.notes)]


def _verdict(outcome: Outcome) -> list[str]:
    told = outcome.shared is not None and (outcome.reason or outcome.counterexamples)
    shared = [_labelled("shared", str(outcome.shared))] if told else []
    if outcome.status is Status.UNRELIABLE:
        return [_labelled("reason", plain(outcome.reason or "")), *shared]
    found = []
    if outcome.status is Status.ERROR:
        found.append(_labelled("reason", plain(outcome.reason or "")))
        if outcome.again is not None:
            found.append(_labelled("report", f"please, with what this shows: {plain(outcome.again)}"))
    found += shared
    found += [line for example in outcome.counterexamples[:EXAMPLES] for line in _example(outcome, example)]
    if left := outcome.counterexamples[EXAMPLES:]:
        about = dict.fromkeys(_shortened(_ABOUT.split(plain(each.expected), maxsplit=1)[0]) for each in left)
        found.append(f"… and {len(left)} more: {', '.join(about)}")
    script = scripts.path(outcome)
    if script is not None:
        by_hand = any(example.steps for example in outcome.counterexamples[:1])
        again = f"harness replay {plain(shlex.quote(outcome.name))}"
        how = f"by hand in two sessions: {script.as_posix()}" if by_hand else again
        found.append(_labelled("replay", how))
    return found


def traceback(outcome: Outcome) -> list[str]:
    """Returns the lines of the traceback of an error."""
    return [_escaped(line) for line in (outcome.traceback or "").splitlines()]


def heading(outcome: Outcome) -> str:
    """Returns the table of a check, else its module: checks are listed under it."""
    return outcome.table or outcome.module


def where(outcome: Outcome) -> str:
    """Returns the place of a check: ``checks/shop/orders.yml:7``."""
    return f"{outcome.place.path.as_posix()}:{outcome.place.line}"


def row(values: dict[str, str | None], named: str = "", columns: Collection[str] = ()) -> str:
    """Returns ``id='0' name='a' ended=null … and 9 more columns``: of those that are null, only the ``columns``.

    Long values are cut. Of a row longer than ``ROW`` those are left out that neither ``columns`` nor the text ``named``
    name. The script has all of them.
    """
    there = {column: value for column, value in values.items() if value is not None or column in columns}
    texts = {column: f"{plain(column)}={_value(value)}" for column, value in there.items()}
    shown = {each for each in texts if each in columns or re.search(rf"(?<!\w){re.escape(each)}(?!\w)", named)}
    left = ROW - sum(len(texts[column]) + 1 for column in shown)
    for column in [each for each in texts if each not in shown]:
        if len(texts[column]) > left:
            break
        shown.add(column)
        left -= len(texts[column]) + 1
    hidden = len(texts) - len(shown)
    more = [f"… and {counted(hidden, 'more column')}"] if hidden else []
    return " ".join([*(text for column, text in texts.items() if column in shown), *more]) or "all columns null"


def counted(number: int, noun: str) -> str:
    """Returns ``1 probe``, ``1,234 probes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plain(text: str) -> str:
    """Returns a text as one line, with white space as blanks and control characters escaped."""
    return _escaped(re.sub(r"\s+", " ", text))


def visible(text: str) -> str:
    """Escapes control characters of a text: they could move a terminal's cursor or turn the direction of writing."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _example(outcome: Outcome, example: Counterexample) -> Iterator[str]:
    yield _labelled("expected", plain(example.expected))
    yield _labelled("actual", plain(example.actual))
    yield from (_labelled("" if place else "steps", _cut(plain(step))) for place, step in enumerate(example.steps))
    if not example.rows:
        return
    *others, (table, last) = example.rows
    named = f"{outcome.subject} {example.expected} {example.actual}"
    for name, values in others[:NEIGHBOURS]:
        shown = row(values, named, example.columns if name == outcome.table else ())
        yield _labelled("with", f"{plain(name)} {shown}")
    if len(others) > NEIGHBOURS:
        yield _labelled("with", f"{len(others) - NEIGHBOURS} more rows")
    own = row(last, named, example.columns) if table == outcome.table else f"{plain(table)} {row(last, named)}"
    yield _labelled("row", own)


def _labelled(label: str, text: str) -> str:
    return f"{label + ':' if label else '':<10}{text}"


def _cut(step: str) -> str:
    """Leaves out the middle of a long step: its command at the beginning and its result at the end remain."""
    return step if len(step) <= STEP else f"{step[: STEP // 2]} … {step[-STEP // 2 :]}"


def _shortened(text: str) -> str:
    return text if len(text) <= NOTE else f"{text[:NOTE]} …"


def _value(value: str | None) -> str:
    if value is None:
        return "null"
    quoted = value[:VALUE].replace("'", "''")
    if len(value) <= VALUE:
        return f"'{_escaped(quoted)}'"
    return f"'{_escaped(quoted)}…' ({len(value):,} characters)"


def _escaped(text: str) -> str:
    # Z: white space, of which only the blank is recognizable. C: controls, marks that turn the direction of writing,
    # halves of surrogate pairs, and unassigned code points.
    return "".join(
        each.encode("unicode_escape").decode("ascii") if each != " " and unicodedata.category(each)[0] in "CZ" else each
        for each in text
    )
