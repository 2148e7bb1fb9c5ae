"""Workers of a Dask cluster that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress

from harness.crew.job import Work, dismiss
from harness.errors import WorkerError

CONNECT_SECONDS = 10


@contextmanager
def cluster(address: str, work: Work) -> Iterator[tuple[Executor, int]]:
    """The cluster's workers, which close what they opened for ``work`` when this is left, and how many there are.

    Raises :class:`WorkerError` where it cannot be reached.
    """
    try:
        from distributed import Client
    except ImportError:
        raise WorkerError(
            "--scheduler needs Dask, which is not installed", hint="pip install 'constraint-harness[dask]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WorkerError(
            f"no Dask scheduler at {address}: {reason}", hint="is it running? try tcp://host:8786"
        ) from None
    with client:
        count = len(client.scheduler_info(n_workers=-1)["workers"])
        if not count:
            raise WorkerError(f"the Dask scheduler at {address} has no workers", hint="start some with `dask worker`")
        try:
            yield client.get_executor(pure=False, allow_other_workers=False), count
        finally:
            with suppress(Exception):  # a cluster that is gone has nothing to close
                client.run(dismiss, work.key)
