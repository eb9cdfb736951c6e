"""Signals: noted, acted upon at a safe place, and the second one at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from relubench import interrupts


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_is_noted_and_acted_upon_at_the_next_check(monkeypatch, number, status):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    before = signal.getsignal(number)
    with interrupts.noted():
        interrupts.check()
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt) as caught:
            interrupts.check()
        assert caught.value.exit_status == status
    assert signal.getsignal(number) == before
    with interrupts.noted():
        interrupts.check()


def test_under_slurm_sigterm_asks_for_haste_and_not_for_an_end(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with interrupts.noted():
        assert not interrupts.hurried()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.check()
        assert interrupts.hurried()


def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import os, signal; from relubench import interrupts\n"
        "with interrupts.noted():\n"
        "    os.kill(os.getpid(), signal.SIGINT); print('noted', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT); print('never')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "noted\n")


def test_another_thread_sets_no_handlers():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def look():
        with interrupts.noted():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]
