"""All tests run JAX on two CPU devices, and refuse silent rank promotion."""

import contextlib
import functools
import gc
import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings

from tests.support.command_line import command

ROOT = Path(__file__).parent.parent
#: The longest files first, so that no core waits for another's at the end.
LONGEST = [
    "test_verify",
    "test_engine",
    "test_slurm",
    "test_registries",
    "test_processes",
    "test_words",
    "test_loop",
    "test_bits",
]

settings.register_profile("relubench", deadline=None, derandomize=True, max_examples=50)  # compiling takes its time
settings.load_profile("relubench")
jax.config.update("jax_num_cpu_devices", 8)  # two that train by default, and eight to compare with
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_default_matmul_precision", "highest")  # what the engine asks for: a GPU's own is TF32


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs between tests, and between the processes that tests start."""
    os.environ["XDG_CACHE_HOME"] = str(config.cache.mkdir("compiled"))
    gc.set_threshold(100_000, 20)  # tracing makes many objects that stay: walking over them takes a tenth of the time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    place = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _prepared():
    from relubench.sweeps import machine

    machine.prepare()


@contextlib.contextmanager
def hurry(options):
    """Compile the engine's programs without most optimisations, and with these options of XLA's."""
    with pytest.MonkeyPatch.context() as patch:
        compile_ = functools.partialmethod(jax.stages.Lowered.compile, compiler_options=options)
        patch.setattr(jax.stages.Lowered, "compile", compile_)
        jax.config.update("jax_disable_most_optimizations", True)
        yield
        jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def quick_options():
    """Return XLA's options for a hurry: its older emitters compile twice as fast; newer versions have no others."""
    return {"xla_cpu_use_fusion_emitters": False} if jax.__version_info__ < (0, 11) else {}


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly(quick_options):
    """Compile in a hurry: a module that asks with which bits, or trains long, has its own fixture of this name."""
    with hurry(quick_options):
        yield


@pytest.fixture
def compiled_in_a_hurry(quick_options):
    """Compile in a hurry in a test of a module that does not."""
    with hurry(quick_options):
        yield


@pytest.fixture
def relubench(tmp_path, monkeypatch):
    """Run a command line in this process, in an empty folder: (exit status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    return functools.partial(command, tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Run a command line once for all tests that ask for it: its folder, to be read or copied."""

    @functools.cache
    def train(*arguments: str) -> Path:
        folder = tmp_path_factory.mktemp("trained")
        status, _, error = command(folder, *arguments)
        assert status == 0, error
        return folder

    return train
