"""All tests run JAX on two CPU devices, and refuse silent rank promotion."""

import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

settings.register_profile("relubench", deadline=None, derandomize=True, max_examples=50)  # compiling takes its time
settings.load_profile("relubench")
jax.config.update("jax_num_cpu_devices", 4)  # two that train by default, and four to compare with
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs between tests, and between the processes that tests start."""
    os.environ["XDG_CACHE_HOME"] = str(config.cache.mkdir("compiled"))


@pytest.fixture(scope="session", autouse=True)
def _prepared():
    from relubench import machine

    machine.prepare()


@pytest.fixture
def compiled_quickly():
    """Compile without most optimisations, in less time: for tests that ask what is found, and not with which bits."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def relubench(tmp_path, monkeypatch, capsys, compiled_quickly):
    """Run a command line in this process, in an empty folder: (exit status, standard output, standard error)."""
    from relubench import cli, sweeper

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        sweeper.STATUSES.clear()
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["relubench"])
            status = cli.main(arguments)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run
