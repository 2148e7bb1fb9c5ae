"""Prints a line for each check, the failures of broken ones, and at the end what failed, and totals.

Decides what ``--quiet`` leaves out, and prints a note of several checks once.
Not here: the words about one check (``words.py``), and the order of outcomes (``cli/progress.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from harness.outcome import STRICT, THERE, Gate, Outcome, Status
from harness.reports import closing, words
from harness.reports.run import Run, Totals

WIDTH = 64
"""Width of a check's name with the text at its right; longer ones make the line longer."""
WORDS = 7
"""Width of the column of verdicts, before the names; longer ones shift the name."""
INDENT = " " * 10

_WORD = {
    Status.PROVED: "proved",
    Status.PRESENT: "present",
    Status.BROKEN: "BROKEN",
    Status.UNRELIABLE: "UNRELIABLE",
    Status.ERROR: "ERROR",
}
_STYLE = {
    Status.PROVED: "green",
    Status.PRESENT: "cyan",
    Status.BROKEN: "bold red",
    Status.UNRELIABLE: "bold yellow",
    Status.ERROR: "bold magenta",
}
_COUNTED = (Status.PROVED, Status.PRESENT, Status.BROKEN, Status.UNRELIABLE)
"""The verdicts that are counted at the end, even if there are none."""


class Terminal:
    """Writes to a console. Colours and the progress line are for terminals; a pipe gets plain, unwrapped lines.

    A note of several checks, or a name that the catalog lacks for several, is printed once. Of a check that the
    ``gate`` knows, only the name is printed. With ``quiet``, such checks and green ones are not printed at all.
    """

    def __init__(
        self,
        console: Console,
        run: Run,
        *,
        tracebacks: bool = False,
        quiet: bool = False,
        gate: Gate = STRICT,
    ) -> None:
        self._console = console
        self._run = run
        self._tracebacks = tracebacks
        self._quiet = quiet
        self._gate = gate
        self._totals = Totals()
        self._heading: str | None = None
        self._noted: set[str] = set()
        self._tried = 0
        self._status = console.status("", spinner="line") if console.is_terminal else None

    def begin(self, heading: str) -> None:
        """Prints the first line: what is going to be proved, and where."""
        self._line(heading)
        self._progress()
        if self._status is not None:
            self._status.start()

    def note(self, text: str) -> None:
        """Prints a note on the run, before its outcomes."""
        self._line(words.plain(text), "dim")

    def close(self) -> None:
        """Removes the progress line, also when the run was broken off."""
        if self._status is not None:
            self._status.stop()

    def add(self, outcome: Outcome) -> None:
        """Counts an outcome, and prints it."""
        self._totals.add(outcome)
        if not (self._quiet and (outcome.status.green or self._gate.knows(outcome))):
            self._report(outcome)
        self._progress()

    def _report(self, outcome: Outcome) -> None:
        heading = words.heading(outcome)
        if heading != self._heading:
            self._heading = heading
            self._line(f"\n{words.plain(heading)}", "bold")
        self._check(outcome)
        if self._gate.knows(outcome):
            return
        tracebacks = words.traceback(outcome) if self._tracebacks else ()
        for line in (*words.lines(self._with_new_notes(outcome)), *tracebacks):
            self._line(f"{INDENT}{line}")

    def _with_new_notes(self, outcome: Outcome) -> Outcome:
        """Returns an outcome without the notes, and the names that the catalog lacks, that were printed before."""
        fresh = tuple(note for note in outcome.notes if note not in self._noted)
        self._noted.update(fresh)
        lacking = {each.actual for each in outcome.counterexamples if each.expected == THERE}
        told = lacking & self._noted
        self._noted.update(lacking)
        return replace(
            outcome, notes=fresh, counterexamples=tuple(e for e in outcome.counterexamples if e.actual not in told)
        )

    def tried(self, count: int) -> None:
        """Counts checks that are done, and whose lines will be printed later."""
        self._tried += count
        self._progress()

    def end(
        self, outcomes: Sequence[Outcome], seconds: float, repeat: str | None, compared: Iterable[str] = ()
    ) -> None:
        """Prints the checks that are not green, the totals, the comparison, and the command that repeats the run.

        ``outcomes`` are all outcomes, in the order of the files.
        """
        self._end(outcomes, seconds, "--fail-fast")
        for line in compared:
            self._line(line)
        if repeat is not None:
            self._line(f"repeat with: {repeat}")

    def broken_off(self, outcomes: Sequence[Outcome], seconds: float, why: str, again: str) -> None:
        """Prints the same for a run that did not come to its end; ``again`` tells how to resume or repeat it."""
        self._end(outcomes, seconds, why)
        self._line(again)

    def _end(self, outcomes: Sequence[Outcome], seconds: float, why: str) -> None:
        self.close()
        for status, title, lines in closing.groups(outcomes, self._gate):
            self._line(f"\n{title}", _STYLE[status])
            for line in lines:
                self._line(f"  {line}")
        for place, line in enumerate(closing.where_to_read(outcomes, self._gate)):
            self._line(line if place else f"\n{line}")
        found = Totals.of(outcomes)
        left = self._run.selected - found.checks
        clean = not left and not any(self._gate.fails(outcome) for outcome in outcomes)
        self._line(f"\n{totals(found, seconds)}", "green" if clean and not found.outcomes[Status.ERROR] else "red")
        if left:
            self._line(f"{left} not tried: {why}")

    def _check(self, outcome: Outcome) -> None:
        label = words.plain(outcome.label)
        right = _effort(outcome) if outcome.status.green else words.plain(words.where(outcome))
        known = self._gate.knows(outcome)
        word = "known" if known else _WORD[outcome.status]
        gap = " " * max(2, WORDS + 2 - len(word))
        right = f"{outcome.status.value}  {right}" if known else right
        label = f"{label}  {right:>{max(0, WIDTH - len(label) + 6 - len(word) - len(gap))}}"
        style = "dim" if known else _STYLE[outcome.status]
        self._print(Text("  ").append(word, style).append(f"{gap}{label}".rstrip()))

    def _line(self, text: str, style: str | None = None) -> None:
        self._print(Text(text, style or ""))

    def _print(self, text: Text) -> None:
        text.plain = words.visible(text.plain)
        self._console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def _progress(self) -> None:
        if self._status is not None:
            self._status.update(f"{max(self._tried, self._totals.checks)} of {self._run.selected}")


def totals(found: Totals, seconds: float) -> str:
    """Returns ``113 proved, 27 present, 1 broken, 1 unreliable; 6,971 probes and 320 facts in 9.8 s (711 probes/s)``.

    Errors, which are no verdict, are counted if there are any.
    """
    verdicts = ", ".join(f"{found.outcomes[status]:,} {status.value}" for status in _COUNTED)
    if found.outcomes[Status.ERROR]:
        verdicts += f", {words.counted(found.outcomes[Status.ERROR], 'error')}"
    speed = f" ({found.probes / seconds:,.0f} probes/s)" if found.probes and seconds > 0 else ""
    tried = f"{_tried(found)} and {words.counted(found.facts, 'fact')}"
    return f"{verdicts}; {tried} in {seconds:.1f} s{speed}"


def _effort(outcome: Outcome) -> str:
    if outcome.probes:
        return _tried(outcome)
    return words.counted(outcome.facts, "fact") if outcome.facts else ""


def _tried(found: Outcome | Totals) -> str:
    sequences = f", {words.counted(found.sequences, 'sequence')}" if found.sequences else ""
    return f"{words.counted(found.probes, 'probe')}{sequences}"
