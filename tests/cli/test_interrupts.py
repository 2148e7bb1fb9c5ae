"""An interrupt that comes where Python would drop it comes again."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from harness.cli import entry, interrupts


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    interrupts.install()
    yield
    interrupts._seen.clear()  # or whatever else fails in this process would be told as an interrupt
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_is_raised_at_once() -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.filterwarnings("error")
def test_not_in_what_the_garbage_collector_calls() -> None:
    def callback(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and not seen:
            seen.append(phase)
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("went on")

    seen: list[str] = []
    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt):
            gc.collect()
            time.sleep(5)
    finally:
        gc.callbacks.remove(callback)
    assert seen == ["start", "went on"]


def test_not_where_an_object_ends() -> None:
    class Ending:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("went on")

    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        Ending()
        time.sleep(5)
    assert seen == ["went on"]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.install()
    os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_what_it_breaks_on_the_way_out_is_no_reader_that_has_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as the pipe to a worker that was told to end."""

    def interrupted(arguments: list[str]) -> int:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        raise BrokenPipeError

    monkeypatch.setattr(entry, "_invoke", interrupted)
    assert entry.run(["test"]) == 130
    assert capsys.readouterr().err == "harness: interrupted\n"
