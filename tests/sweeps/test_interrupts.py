"""Signals: noted, acted upon at a safe place, and the second one at once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from relubench.sweeps import interrupts


@pytest.fixture
def heeded(number):
    """Give the signal a handler: tests that were started in the background, or by nohup, ignore it."""
    before = signal.signal(number, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_is_noted_and_acted_upon_at_the_next_check(monkeypatch, heeded, number, status):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with interrupts.noted():
        interrupts.check()
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupts.check()
        assert caught.value.exit_status == status
    assert signal.getsignal(number) == heeded
    with interrupts.noted():
        interrupts.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=str)
def test_under_slurm_a_signal_asks_for_haste_and_not_for_an_end(monkeypatch, heeded, number):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with interrupts.noted():
        assert not interrupts.hurried()
        os.kill(os.getpid(), number)
        time.sleep(2 * interrupts.ONE_SIGNAL_SECONDS)
        os.kill(os.getpid(), number)
        interrupts.check()
        assert interrupts.hurried()


def process(body, *before):
    code = (
        f"import hashlib, signal, time; from relubench.sweeps import interrupts\nwith interrupts.noted():\n    {body}"
    )
    started = subprocess.Popen([*before, sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "ready\n"
    return started


#: Compiled code that doesn't let Python's handlers run until it is done, minutes later.
BUSY = "print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_process_at_once_though_compiled_code_runs(second):
    busy = process(BUSY)
    busy.send_signal(signal.SIGINT)
    time.sleep(3 * interrupts.ONE_SIGNAL_SECONDS)
    assert busy.poll() is None
    busy.send_signal(second)
    assert busy.wait(timeout=10) == 128 + second


def test_signals_that_come_together_are_one():
    sleeping = process("print('ready', flush=True); time.sleep(1); interrupts.check()")
    for _ in range(2):
        sleeping.send_signal(signal.SIGTERM)
    assert sleeping.wait(timeout=10) == 1  # the exception: nobody ended it at once


def test_a_signal_that_was_to_be_ignored_stays_ignored():
    sleeping = process("print('ready', flush=True); time.sleep(1); interrupts.check()", "nohup")
    sleeping.send_signal(signal.SIGHUP)
    assert sleeping.wait(timeout=10) == 0


def test_within_another_it_changes_nothing():
    with interrupts.noted():
        handler = signal.getsignal(signal.SIGINT)
        with interrupts.noted():
            assert signal.getsignal(signal.SIGINT) == handler
        assert signal.getsignal(signal.SIGINT) == handler


def test_another_thread_sets_no_handlers():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with interrupts.noted():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
