"""Many processes, many machines: the checks of a run shared out among workers, with the outcomes of a single one."""

from harness.crew.durations import Durations
from harness.crew.job import Job, OwnServer, SharedServer, Work
from harness.crew.prove import prove
from harness.crew.shares import Shard, chunks

__all__ = ["Durations", "Job", "OwnServer", "Shard", "SharedServer", "Work", "chunks", "prove"]
