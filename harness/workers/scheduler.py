"""Workers of a Dask cluster that is there already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from harness.errors import WorkerError
from harness.workers.job import Work, dismiss

CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Cluster:
    """A cluster that was reached, and how many workers it had then."""

    executor: Executor
    size: int
    client: Any = field(repr=False)

    def alive(self) -> bool:
        """Whether there is anybody left to prove: Dask itself would wait for new workers for ever."""
        try:
            return bool(self.client.nthreads())
        except Exception:  # whatever it is, there is no cluster any more
            return False


@contextmanager
def cluster(address: str, work: Work) -> Iterator[Cluster]:
    """A cluster whose workers close what they opened for ``work`` when this is left.

    Raises :class:`WorkerError` where it cannot be reached.
    """
    client = _client(address)
    with client:
        count = len(client.nthreads())
        if not count:
            raise WorkerError(f"the Dask scheduler at {address} has no workers", hint="start some with `dask worker`")
        try:
            yield Cluster(client.get_executor(pure=False), count, client)
        finally:
            with suppress(Exception):  # a cluster that is gone has nothing to close
                client.run(dismiss, work.key)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise WorkerError(
            "--scheduler needs Dask, which is not installed", hint="pip install 'constraint-harness[dask]'"
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it has to say is said by us
    make: Any = Client
    try:
        return make(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WorkerError(
            f"no Dask scheduler at {address}: {reason}", hint="is it running? an address is such as tcp://host:8786"
        ) from None
