"""Signals that end a search: one KeyboardInterrupt where it can be caught, and none during the ending."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mlpnas.engine.interrupt import interruptible, keep_handlers

ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    yield
    assert before == {number: signal.getsignal(number) for number in ENDINGS}


@pytest.mark.parametrize("number", ENDINGS)
def test_each_signal_ends_a_search(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), interruptible() as interrupt:
        signal.raise_signal(number)
    assert interrupt.is_requested


def test_more_signals_do_not_disturb_the_ending() -> None:
    steps = []

    def search() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            for number in (*ENDINGS, *ENDINGS):
                signal.raise_signal(number)
                steps.append(number)

    with pytest.raises(KeyboardInterrupt), interruptible():
        search()
    assert len(steps) == 6


def test_an_interrupt_that_was_swallowed_comes_again_at_the_end() -> None:
    def search() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), interruptible():
        search()


def test_a_search_inside_of_a_command_shares_its_interrupt() -> None:
    with interruptible() as outer, interruptible() as inner:
        assert inner is outer


def test_under_nohup_a_lost_terminal_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as interrupt:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupt.is_requested
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_in_a_destructor_is_raised_again_later(capsys: pytest.CaptureFixture[str]) -> None:
    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def search() -> None:
        closing = Closing()
        del closing
        time.sleep(30)

    with pytest.raises(KeyboardInterrupt), interruptible():
        search()
    assert "Traceback" not in capsys.readouterr().err


def test_handlers_that_a_library_sets_are_replaced_by_ours() -> None:
    def search() -> None:
        with keep_handlers():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), interruptible():
        search()


SWALLOWING = """
import signal, sys
from mlpnas.engine.interrupt import interruptible
with interruptible(last=True):
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        pass
    sys.exit(0)
"""


def test_a_swallowed_interrupt_still_sets_the_exit_code() -> None:
    assert subprocess.run([sys.executable, "-c", SWALLOWING]).returncode == 130


REIMPORT = """
import signal
from contextlib import suppress
from mlpnas import cli
def run():
    with suppress(KeyboardInterrupt):
        {interrupt}
    raise ImportError("cannot load module more than once per process")
cli._run = run
cli.main()
"""


@pytest.mark.parametrize(("interrupt", "code"), [("signal.raise_signal(signal.SIGINT)", 130), ("pass", 1)])
def test_an_import_that_an_interrupt_broke_is_no_traceback(interrupt: str, code: int) -> None:
    done = subprocess.run([sys.executable, "-c", REIMPORT.format(interrupt=interrupt)], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (code, code == 1)
