"""The machine: what of its surroundings changes numbers, and what is kept from doing so."""

import contextlib

import jax
import pytest

import relubench
from relubench.sweeps import machine


@pytest.fixture(scope="module")
def compiled_quickly():
    """Nothing: to compile with less is a setting that is reported, too."""


SMALL = {"train.steps": 3, "model.widths": [4], "probe.count": 2, "model.norm": "batch"}


def test_settings_of_jax_that_change_numbers_or_stop_at_a_nan_are_kept_out(compiled_in_a_hurry):
    varied = {"seed": [0, 1], "optimizer.learning_rate": [0.1, 1e30]}
    plain = relubench.sweep(SMALL, varied)
    assert plain["runs"]["diverged"].any()
    with contextlib.ExitStack() as stack:
        for context in (
            jax.default_prng_impl("rbg"), jax.threefry_partitionable(False), jax.debug_nans(True), jax.debug_infs(True),
            jax.enable_x64(True), jax.default_matmul_precision("bfloat16"), jax.numpy_dtype_promotion("strict"),
            jax.disable_jit(True),
        ):  # fmt: skip
            stack.enter_context(context)
        disturbed = relubench.sweep(SMALL, varied)
    for name, table in plain.items():
        assert table.equals(disturbed[name]), name


@pytest.mark.parametrize(
    ("flags", "reported"),
    [
        ("", ""),
        ("--xla_force_host_platform_device_count=8 --xla_dump_to=/x", ""),
        ("--xla_cpu_enable_fast_math=true", "--xla_cpu_enable_fast_math=true"),
        ("--xla_b --xla_a=1  --xla_a=2", "--xla_a=2 --xla_b=true"),
    ],
)
def test_flags_of_xla_that_may_change_numbers_are_reported_in_one_order(monkeypatch, flags, reported):
    monkeypatch.setenv("XLA_FLAGS", flags)
    assert machine.numeric_flags() == reported


def test_flags_may_stand_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "flags").write_text("--xla_cpu_enable_fast_math=true\n")
    monkeypatch.setenv("XLA_FLAGS", str(tmp_path / "flags"))
    assert machine.numeric_flags() == "--xla_cpu_enable_fast_math=true"


@pytest.mark.parametrize(("name", "value"), [("ONEDNN_DEFAULT_FPMATH_MODE", "BF16"), ("NVIDIA_TF32_OVERRIDE", "1")])
def test_variables_that_change_products_are_reported(monkeypatch, name, value):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv(name, value)
    assert machine.numeric_flags() == f"{name}={value}"


def test_settings_of_jax_that_cannot_be_pinned_are_reported(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    jax.config.update("jax_random_seed_offset", 5)
    try:
        assert machine.numeric_flags() == "jax_random_seed_offset=5"
    finally:
        jax.config.update("jax_random_seed_offset", 0)


def test_untouched_settings_are_those_of_this_version_of_jax():
    """A default that a new JAX has changed would be reported as a flag by everybody."""
    assert not [
        name
        for name, untouched in machine.NUMERIC_SETTINGS.items()
        if name in jax.config.values and jax.config.values[name] not in untouched
    ]
