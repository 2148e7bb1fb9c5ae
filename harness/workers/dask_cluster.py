"""Workers of a Dask cluster that is there already: connects, and closes what they opened at the end.

Refuses where Dask is not installed, no scheduler answers, or it has no workers.
Not here: a worker with other versions (``job.py``), and work that is lost (``prove.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from harness.errors import WorkerError
from harness.workers.executors import WorkerPool
from harness.workers.job import Work, release

CONNECT_SECONDS = 10


@contextmanager
def dask_cluster(address: str, work: Work) -> Iterator[WorkerPool]:
    """Connects to a cluster; at the end its workers close what they opened for ``work``.

    Raises :class:`WorkerError` where it cannot be reached.
    """
    client = _client(address)
    with client:
        count = len(client.nthreads())
        if not count:
            raise WorkerError(f"the Dask scheduler at {address} has no workers", hint="start some with `dask worker`")
        try:
            yield WorkerPool(client.get_executor(pure=False), count, partial(_alive, client))
        finally:
            with suppress(Exception):  # a cluster that is gone has nothing to close
                client.run(release, work.key)


def _alive(client: Any) -> bool:
    """Whether any worker is left: Dask itself would wait for new workers for ever."""
    try:
        return bool(client.nthreads())
    except Exception:  # whatever the error, there is no cluster any more
        return False


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise WorkerError(
            "--scheduler needs Dask, which is not installed", hint="pip install 'constraint-harness[dask]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we report its errors
    make: Any = Client
    try:
        return make(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WorkerError(
            f"no Dask scheduler at {address}: {reason}", hint="is it running? an address is such as tcp://host:8786"
        ) from None
