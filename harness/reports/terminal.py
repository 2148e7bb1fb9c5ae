"""One line a check while the run goes on, and what is wrong with the broken ones; at last what is not green, totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.outcome import STRICT, Gate, Outcome, Status
from harness.reports import closing, words
from harness.reports.run import Run, Totals

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDTH = 64
"""Characters of a check's name with what stands at the right of it; longer ones push the line out."""
WORDS = 7
"""Characters of a verdict that the names stand behind in one column; longer ones push the name out."""
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
"""The verdicts that are counted at the end, also where there is none of them."""


class Terminal:
    """Writes to a console. Colours and the progress line are for terminals; a pipe gets plain, unwrapped lines.

    A note that several checks have stands once. Of a check that the ``gate`` knows nothing is said but that. Where it
    is ``quiet`` nothing is said of such checks and of those that are green.
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
        """``heading`` says what is about to be proved, and where."""
        self._line(heading)
        self._progress()
        if self._status is not None:
            self._status.start()

    def note(self, text: str) -> None:
        """Something to know of the run, before its outcomes."""
        self._line(words.plain(text), "dim")

    def close(self) -> None:
        """Takes the progress line away, also when the run was broken off."""
        if self._status is not None:
            self._status.stop()

    def add(self, outcome: Outcome) -> None:
        """One more check."""
        self._totals.add(outcome)
        if not (self._quiet and (outcome.status.green or self._gate.knows(outcome))):
            self._told(outcome)
        self._progress()

    def _told(self, outcome: Outcome) -> None:
        heading = words.heading(outcome)
        if heading != self._heading:
            self._heading = heading
            self._line(f"\n{words.plain(heading)}", "bold")
        self._check(outcome)
        if self._gate.knows(outcome):
            return
        for line in words.lines(self._unsaid(outcome)):
            self._line(f"{INDENT}{line}")
        for line in words.traceback(outcome) if self._tracebacks else ():
            self._line(f"{INDENT}{line}")

    def _unsaid(self, outcome: Outcome) -> Outcome:
        """An outcome with those of its notes that no other had before."""
        fresh = tuple(note for note in outcome.notes if note not in self._noted)
        self._noted.update(fresh)
        return replace(outcome, notes=fresh)

    def tried(self, count: int) -> None:
        """So many more checks are done; their lines come when it is their turn."""
        self._tried += count
        self._progress()

    def end(
        self, outcomes: Sequence[Outcome], seconds: float, repeat: str | None, compared: Iterable[str] = ()
    ) -> None:
        """What is not green, the totals, how they compare, and how to see this again.

        ``outcomes`` are all, in the files' order.
        """
        self._end(outcomes, seconds, "--fail-fast")
        for line in compared:
            self._line(line)
        if repeat is not None:
            self._line(f"repeat with: {repeat}")

    def broken_off(self, outcomes: Sequence[Outcome], seconds: float, why: str, again: str) -> None:
        """The same of a run that did not come to its end; ``again`` says how to go on, or to repeat it."""
        self._end(outcomes, seconds, why)
        self._line(again)

    def _end(self, outcomes: Sequence[Outcome], seconds: float, why: str) -> None:
        self.close()
        for status, title, lines in closing.groups(outcomes, self._gate):
            self._line(f"\n{title}", _STYLE[status])
            for line in lines:
                self._line(f"  {line}")
        found = Totals.of(outcomes)
        left = self._run.selected - found.checks
        clean = not left and not any(self._gate.fails(outcome) for outcome in outcomes)
        self._line(f"\n{totals(found, seconds)}", "green" if clean and not found.outcomes[Status.ERROR] else "red")
        if left:
            self._line(f"{left} not tried: {why}")

    def _check(self, outcome: Outcome) -> None:
        from rich.text import Text

        label = words.plain(outcome.label)
        right = _effort(outcome) if outcome.status.green else words.plain(words.where(outcome))
        known = self._gate.knows(outcome)
        word = "known" if known else _WORD[outcome.status]
        gap = " " * max(2, WORDS + 2 - len(word))
        right = f"{outcome.status.value}  {right}" if known else right
        label = f"{label}  {right:>{max(0, WIDTH - len(label) + 6 - len(word) - len(gap))}}"
        text = Text("  ")
        text.append(word, "dim" if known else _STYLE[outcome.status])
        text.append(f"{gap}{label}".rstrip())
        self._print(text)

    def _line(self, text: str, style: str | None = None) -> None:
        from rich.text import Text

        self._print(Text(text, style or ""))

    def _print(self, text: Text) -> None:
        text.plain = words.visible(text.plain)
        self._console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def _progress(self) -> None:
        if self._status is not None:
            self._status.update(f"{max(self._tried, self._totals.checks)} of {self._run.selected}")


def totals(found: Totals, seconds: float) -> str:
    """``113 proved, 27 present, 1 broken, 1 unreliable; 6,971 probes and 320 facts in 9.8 s (711 probes/s)``.

    Errors, which are no verdict, are counted where there are some.
    """
    verdicts = ", ".join(f"{found.outcomes[status]:,} {status.value}" for status in _COUNTED)
    if found.outcomes[Status.ERROR]:
        verdicts += f", {words.counted(found.outcomes[Status.ERROR], 'error')}"
    speed = f" ({found.probes / seconds:,.0f} probes/s)" if found.probes and seconds > 0 else ""
    tried = f"{words.counted(found.probes, 'probe')} and {words.counted(found.facts, 'fact')}"
    return f"{verdicts}; {tried} in {seconds:.1f} s{speed}"


def _effort(outcome: Outcome) -> str:
    if outcome.probes:
        return words.counted(outcome.probes, "probe")
    return words.counted(outcome.facts, "fact") if outcome.facts else ""
