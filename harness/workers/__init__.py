"""Many processes, many machines: the checks of a run shared out among workers, with the outcomes of a single one."""

from harness.workers.durations import Durations
from harness.workers.job import Job, OwnServer, SharedServer, Work
from harness.workers.prove import prove
from harness.workers.shares import Shard, chunks

__all__ = ["Durations", "Job", "OwnServer", "Shard", "SharedServer", "Work", "chunks", "prove"]
