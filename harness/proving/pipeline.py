"""Carries scenarios to the server in batches: one is tried while the next is drawn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType

from harness.probes import Scenario, ScenarioResult, ScenarioRunner
from harness.probes.session import BATCH

AGAIN_SECONDS = 0.5
"""Seconds after which the server is asked again to cancel."""

Sent = tuple[list[Scenario], "Future[list[ScenarioResult]]"]


class BatchPipeline:
    """Takes scenarios one by one, and gives each with its answer to ``is_enough``, in their order.

    Holds two batches at the most. No more scenarios are wanted once ``is_enough`` has returned true.
    """

    def __init__(self, session: ScenarioRunner, is_enough: Callable[[Scenario, ScenarioResult], bool]) -> None:
        self._session = session
        self._is_enough = is_enough
        self._thread = ThreadPoolExecutor(1, "harness-probes")
        self._batch: list[Scenario] = []
        self._size = 0
        self._sent: Sent | None = None

    def __enter__(self) -> BatchPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Again and again: a cancellation between two statements is lost.
        while kind is not None and self._sent is not None and not self._sent[1].done():
            self._session.cancel()
            wait([self._sent[1]], timeout=AGAIN_SECONDS)
        self._thread.shutdown()

    def put(self, scenario: Scenario) -> bool:
        """Takes a scenario; returns whether the answers so far are enough."""
        self._batch.append(scenario)
        self._size += scenario.size
        return self._size >= BATCH and self._send()

    def end(self) -> bool:
        """Waits for the answers to all scenarios taken; returns whether they are enough."""
        return (bool(self._batch) and self._send()) or self._receive()

    def _send(self) -> bool:
        batch, self._batch, self._size = self._batch, [], 0
        enough = self._receive()
        if not enough:
            self._sent = batch, self._thread.submit(self._session.run, batch)
        return enough

    def _receive(self) -> bool:
        if self._sent is None:
            return False
        batch, future = self._sent
        answers = future.result()  # an interrupt here finds what has to be cancelled
        self._sent = None
        # All of a batch is looked at: how much was tried does not depend on where in it something was found.
        enough = [self._is_enough(*each) for each in zip(batch, answers, strict=True)]
        return any(enough)
