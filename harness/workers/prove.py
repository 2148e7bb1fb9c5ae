"""Work in, outcomes out: the same ones, whoever proves them and however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from functools import partial

from harness.errors import WorkerError
from harness.outcome import STRICT, Gate, Outcome
from harness.workers.job import Work, prove_chunk
from harness.workers.shares import Chunk

Placed = tuple[int, Outcome]
"""An outcome with the place of its check in the run's order."""

POLL_SECONDS = 0.5
"""A wait without an end cannot be interrupted everywhere."""


def prove(
    executor: Executor,
    work: Work,
    chunks: Sequence[Chunk],
    *,
    fail_fast: bool = False,
    gate: Gate = STRICT,
    alive: Callable[[], bool] = lambda: True,
) -> Callable[[Callable[[int], None]], Iterator[Placed]]:
    """Has the chunks proven on any executor, and returns what waits for the outcomes and yields them as they come.

    That is called with what wants to hear how many more are done. With ``fail_fast`` they come in the run's order, the
    last one is the first that fails at the ``gate``, and nothing behind it is begun any more. Raises what a worker
    raises, and :class:`WorkerError` when one is gone, or nobody is ``alive`` to whom its work could be given.
    """
    # At once, and not only when the first outcome is asked for: workers take a while to start.
    pending = {executor.submit(prove_chunk, work, chunk.places, fail_fast): chunk for chunk in chunks}
    if fail_fast:
        return partial(_up_to_a_failure, pending, alive, gate)
    return partial(_as_they_come, pending, alive)


def _as_they_come(
    pending: dict[Future[list[Outcome]], Chunk], alive: Callable[[], bool], tried: Callable[[int], None]
) -> Iterator[Placed]:
    try:
        while pending:
            for chunk, outcomes in _done(pending, alive):
                tried(len(outcomes))
                yield from zip(chunk.places, outcomes, strict=True)
    finally:
        for future in pending:
            future.cancel()


def _up_to_a_failure(
    pending: dict[Future[list[Outcome]], Chunk],
    alive: Callable[[], bool],
    gate: Gate,
    tried: Callable[[int], None],
) -> Iterator[Placed]:
    total = sum(len(chunk.places) for chunk in pending.values())
    found: dict[int, Outcome] = {}
    place = 0
    try:
        while place < total:
            for chunk, outcomes in _done(pending, alive):
                found |= zip(chunk.places, outcomes, strict=False)
                tried(len(outcomes))
                if gate.fails(outcomes[-1]):
                    _cancel_behind(pending, chunk.places[len(outcomes) - 1])
            while place in found:
                yield place, found[place]
                if gate.fails(found[place]):
                    return
                del found[place]
                place += 1
    finally:
        for future in pending:
            future.cancel()


def _done(
    pending: dict[Future[list[Outcome]], Chunk], alive: Callable[[], bool]
) -> Iterator[tuple[Chunk, list[Outcome]]]:
    """The chunks that have been proven, once there are some."""
    done, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
    if not done and not alive():
        raise lost()
    for future in done:
        chunk = pending.pop(future)
        if future.cancelled():
            continue
        try:
            outcomes = future.result()
        except (BrokenExecutor, CancelledError):
            raise lost() from None
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # Dask's own, for work that ended several workers
                raise lost() from None
            raise
        yield chunk, outcomes


def _cancel_behind(pending: dict[Future[list[Outcome]], Chunk], place: int) -> None:
    for future, chunk in list(pending.items()):
        if min(chunk.places) > place and future.cancel():
            del pending[future]


def lost() -> WorkerError:
    """What is said of a worker that ended without a word."""
    return WorkerError(
        "a worker ended in the middle of its work: it was killed, or its machine ran out of memory",
        hint="run it again; with fewer --workers less memory is needed",
    )
