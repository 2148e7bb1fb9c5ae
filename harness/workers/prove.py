"""Submits work to an executor and yields outcomes: the same ones for any executor and any workers.

Decides which outcomes come before the first failure and are kept, and which chunks are cancelled after it. Raises if a
worker died.
Not here: a worker with other versions (``job.py``), and the chunks themselves (``durations.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import closing

from harness.errors import WorkerError
from harness.outcome import Gate, Outcome
from harness.workers.durations import Chunk
from harness.workers.job import Work, prove_chunk

Positioned = tuple[int, Outcome]
"""The position of a check in the run's order, and its outcome."""

Submitted = dict[Future[list[Outcome]], Chunk]
Proved = Generator[tuple[Chunk, list[Outcome]], None, None]

POLL_SECONDS = 0.5
"""Limit of a wait: one without a limit cannot be interrupted everywhere."""


def prove(
    executor: Executor,
    work: Work,
    chunks: Sequence[Chunk],
    *,
    stop: Gate | None = None,
    alive: Callable[[], bool] = lambda: True,
    tried: Callable[[int], None] = lambda count: None,
) -> Iterator[Positioned]:
    """Submits the chunks at once, since workers take a while to start, and returns an iterator over the outcomes.

    ``tried`` is called with the number of checks that were proven since the last call. With ``stop`` outcomes come in
    the run's order, the last one is the first that fails at that gate, and no later chunk is begun any more.

    Raises what a worker raises, and :class:`WorkerError` when one has died, or no worker is ``alive``.
    """
    pending = {executor.submit(prove_chunk, work, chunk.positions, stop): chunk for chunk in chunks}
    proved = _proved(pending, alive, tried)
    return _outcomes(proved) if stop is None else _up_to_failure(proved, pending, stop)


def _proved(pending: Submitted, alive: Callable[[], bool], tried: Callable[[int], None]) -> Proved:
    """Yields the chunks as they are proven; cancels at the end what is still pending."""
    try:
        while pending:
            for chunk, outcomes in _done(pending, alive):
                tried(len(outcomes))
                yield chunk, outcomes
    finally:
        for future in pending:
            future.cancel()


def _outcomes(proved: Proved) -> Iterator[Positioned]:
    with closing(proved):
        for chunk, outcomes in proved:
            yield from zip(chunk.positions, outcomes, strict=True)


def _up_to_failure(proved: Proved, pending: Submitted, stop: Gate) -> Iterator[Positioned]:
    found: dict[int, Outcome] = {}
    position = 0
    with closing(proved):
        for chunk, outcomes in proved:
            found |= zip(chunk.positions, outcomes, strict=False)
            if stop.fails(outcomes[-1]):
                _cancel_after(pending, chunk.positions[len(outcomes) - 1])
            while position in found:
                yield position, found[position]
                if stop.fails(found[position]):
                    return
                position += 1


def _done(pending: Submitted, alive: Callable[[], bool]) -> Iterator[tuple[Chunk, list[Outcome]]]:
    """Yields the chunks that have been proven, once there are some."""
    done, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
    if not done and not alive():
        raise lost()
    for future in done:
        chunk = pending.pop(future)
        if future.cancelled():
            continue
        try:
            yield chunk, future.result()
        except (BrokenExecutor, CancelledError):
            raise lost() from None
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # Dask's own, for work that ended several workers
                raise lost() from None
            raise


def _cancel_after(pending: Submitted, position: int) -> None:
    for future, chunk in list(pending.items()):
        if min(chunk.positions) > position and future.cancel():
            del pending[future]


def lost() -> WorkerError:
    """Returns the error of a worker that ended without an error of its own."""
    return WorkerError(
        "a worker ended in the middle of its work: it was killed, or its machine ran out of memory",
        hint="run it again; with fewer --workers less memory is needed",
    )
