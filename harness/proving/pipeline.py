"""Carries scenarios to the server in batches: one is tried while the next is drawn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType

from harness.probes import Scenario, ScenarioResult, ScenarioRunner
from harness.probes.session import BATCH

AGAIN_SECONDS = 0.5
"""After which the server is asked again to give up."""

Sent = tuple[list[Scenario], "Future[list[ScenarioResult]]"]


class BatchPipeline:
    """Takes scenarios one by one and hands each on with its answer, in their order.

    No more than two batches are ever held. What is handed on tells by its truth that no more is expected.
    """

    def __init__(self, session: ScenarioRunner, hand_on: Callable[[Scenario, ScenarioResult], bool]) -> None:
        self._session = session
        self._hand_on = hand_on
        self._thread = ThreadPoolExecutor(1, "harness-probes")
        self._batch: list[Scenario] = []
        self._size = 0
        self._sent: Sent | None = None

    def __enter__(self) -> BatchPipeline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Again and again: what comes between two statements is lost.
        while kind is not None and self._sent is not None and not self._sent[1].done():
            self._session.cancel()
            wait([self._sent[1]], timeout=AGAIN_SECONDS)
        self._thread.shutdown()

    def put(self, scenario: Scenario) -> bool:
        """Takes a scenario; whether what has come back so far is enough."""
        self._batch.append(scenario)
        self._size += scenario.size
        return self._size >= BATCH and self._send()

    def end(self) -> bool:
        """Waits for all that was taken."""
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
        # All of a batch is looked at: how much was tried does not hang on where in it something was found.
        handed = [self._hand_on(*each) for each in zip(batch, answers, strict=True)]
        return any(handed)
