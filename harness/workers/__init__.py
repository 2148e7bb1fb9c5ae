"""Shares the checks of a run out among processes or machines; the outcomes are those of a single process.

Enter by :func:`~harness.workers.prove.prove`, with an executor of :mod:`~harness.workers.executors`.
Not here: how a check is proved (``proving``), and how many workers a run takes (``cli``).
"""

from harness.workers.durations import Durations, Shard, chunks
from harness.workers.job import Job, OwnServer, SharedServer, Work, versions
from harness.workers.prove import Positioned, prove

__all__ = [
    "Durations",
    "Job",
    "OwnServer",
    "Positioned",
    "Shard",
    "SharedServer",
    "Work",
    "chunks",
    "prove",
    "versions",
]
