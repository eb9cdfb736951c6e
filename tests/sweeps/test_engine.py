"""Many runs at once: the same bits for a run, wherever it stands."""

import functools
import gc
import itertools
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

import relubench
from relubench import config, optim
from relubench.errors import UserError
from relubench.sweeps import engine, layout, machine
from tests.support.planned import layouts

SETTING = {"train.steps": 40, "model.widths": [12, 12], "probe.count": 6, "optimizer.name": "momentum"}
GRID = {"optimizer.learning_rate": [0.01, 0.3], "model.init.bias": [0.0, -0.3], "seed": list(range(11))}


def rows_by_id(tables):
    return {row["run_id"]: row for row in tables["runs"].to_dicts()}


def equal(some, whole):
    assert some.keys() <= whole.keys()
    for run_id, row in some.items():
        assert row == whole[run_id]


@pytest.fixture(scope="module")
def compiled_quickly():
    """Nothing: optimisations must not change bits either."""


@pytest.fixture(scope="module")
def whole():
    return relubench.sweep(SETTING, GRID)


def test_a_run_alone_has_the_bits_it_has_in_a_grid(whole):
    alone = relubench.sweep(SETTING, {key: values[-1:] for key, values in GRID.items()})
    equal(rows_by_id(alone), rows_by_id(whole))


def test_the_order_of_the_grid_does_not_matter(whole):
    turned = relubench.sweep(SETTING, {key: values[::-1] for key, values in reversed(GRID.items())})
    for name in whole:
        assert turned[name].equals(whole[name])


VARIANTS = {
    "plain": {},
    **{remedy: {"remedy.name": remedy, "remedy.period": 3, "remedy.tau": 1.0} for remedy in optim.REMEDIES},
    "batch_norm": {"model.norm": "batch"},
    "layer_norm": {"model.norm": "layer"},
    "cnn": {"model.name": "cnn"},
}
VARIANTS.pop("none")
#: Each optimiser and each variant once as users compile them. XLA simplifies and partitions all others the same way:
#: only their machine code is made in a hurry.
OPTIMISED = {("adam", "plain"), *zip(itertools.cycle(optim.OPTIMIZERS), VARIANTS, strict=False)}
#: Those that are trained on eight devices as well.
ON_EIGHT = {"plain", "redo", "batch_norm", "cnn"}


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() < 8, reason="needs eight devices")
@pytest.mark.parametrize(("optimizer", "variant"), list(itertools.product(optim.OPTIMIZERS, VARIANTS)))
def test_any_number_of_devices_gives_the_same_bits(optimizer, variant, request):
    optimised = (optimizer, variant) in OPTIMISED
    if not optimised:
        request.getfixturevalue("compiled_in_a_hurry")
    numbers = (2, 4, 8) if optimised and variant in ON_EIGHT else (2, 4)
    small = {"train.steps": 7, "model.widths": [6], "probe.count": 3, "optimizer.learning_rate": 0.01}
    setting = small | {"optimizer.name": optimizer, "remedy.replacement_rate": 0.1, "remedy.maturity": 2}
    one, *more = (
        relubench.sweep(setting | VARIANTS[variant], {"seed": range(9)}, width=2, devices=devices)
        for devices in (1, *numbers)
    )
    for tables in more:
        for name, table in one.items():
            assert table.equals(tables[name])


COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "reduce-scatter", "collective")


@pytest.mark.skipif(jax.device_count() < 8, reason="needs eight devices")
@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_nothing_passes_between_devices(devices, compiled_in_a_hurry):
    (group,) = layouts(SETTING | {"optimizer.name": "adam", "remedy.name": "redo"}, GRID, devices=devices)
    text = engine.compile_group(group).call.as_text()
    assert f"num_partitions={group.machine.partitions}" in text
    assert not [name for name in COLLECTIVES if name in text]


def test_a_run_cut_into_many_calls_has_the_bits_of_one_call(whole, monkeypatch):
    monkeypatch.setattr(layout, "CALL_SECONDS", 1e-9)  # one step a call, one block a chunk
    cut = relubench.sweep(SETTING, GRID | {"seed": [2, 3]})
    equal(rows_by_id(cut), rows_by_id(whole))
    layers = whole["layers"].filter(pl.col("run_id").is_in(cut["runs"]["run_id"].implode()))
    assert cut["layers"].equals(layers)


def test_a_setting_that_keeps_the_shapes_is_one_group():
    assert len(layouts(SETTING, GRID)) == 1


class Interrupting(dict):
    """Checkpoints in memory."""

    def find(self, run_ids, origin):
        for (ids, at), (step, leaves) in list(self.items()):
            wanted = np.isin(ids, run_ids)
            if at == origin and wanted.any():
                yield np.array(ids)[wanted], step, [leaf[wanted] for leaf in leaves]

    def save(self, run_ids, origin, step, leaves):
        self[tuple(run_ids.tolist()), origin] = (step, leaves)

    def clear(self, run_ids):
        for key in [key for key in self if key[0] == tuple(run_ids.tolist())]:
            del self[key]


def in_order(chunks):
    """Return the states of all runs, in the order of their ids."""
    chunks = list(chunks)
    order = np.argsort(np.concatenate([chunk.grid.run_ids() for chunk in chunks]))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(chunk.state for chunk in chunks))


def interrupted(planned, kept, calls):
    def progress(run_steps):
        nonlocal calls
        calls -= 1
        if calls == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(engine.train_grid(planned, checkpoints=kept, progress=progress))


def test_an_interrupted_chunk_goes_on_from_its_checkpoint_with_the_same_bits(monkeypatch):
    monkeypatch.setattr(layout, "CALL_SECONDS", 1e-9)
    small = GRID | {"seed": [0, 1, 2, 3]}
    (smooth,) = list(engine.train_grid(layouts(SETTING, small)))
    kept = Interrupting()
    interrupted(layouts(SETTING, small), kept, calls=7)
    ((step, _),) = kept.values()
    assert step == 7
    seen = []
    (resumed,) = list(engine.train_grid(layouts(SETTING, small), checkpoints=kept, progress=seen.append))
    assert sum(seen) == (40 - 7) * 16
    assert not kept
    jax.tree.map(np.testing.assert_array_equal, resumed.state, smooth.state)


@pytest.mark.parametrize("seeds", [[0, 1, 2, 3], [3, 1], [3, 4]], ids=str)
def test_a_checkpoint_is_gone_on_with_by_fewer_devices_and_by_some_of_its_runs(monkeypatch, seeds):
    monkeypatch.setattr(layout, "CALL_SECONDS", 1e-9)
    monkeypatch.setattr(layout, "MOST_BLOCKS", 1)
    kept, seen, saved = Interrupting(), [], [0, 1, 2, 3]
    begun = layouts(SETTING, GRID | {"seed": saved}, devices=2, width=8)
    list(engine.train_grid(begun))  # compiled before calls are counted
    interrupted(begun, kept, calls=7)
    planned = layouts(SETTING, GRID | {"seed": seeds}, devices=1, width=8)
    resumed = list(engine.train_grid(planned, checkpoints=kept, progress=seen.append))
    assert sum(seen) == sum(4 * (40 - 7 * (seed in saved)) for seed in seeds)
    smooth = engine.train_grid(layouts(SETTING, GRID | {"seed": seeds}, devices=2, width=8))
    jax.tree.map(np.testing.assert_array_equal, *map(in_order, (resumed, smooth)))


def test_a_checkpoint_with_other_measures_is_not_gone_on_with():
    """Their sums and rows have the same shapes."""
    asked = ([], ["unit_firing_rate"], ["unit_gradient_norm"], ["unit_firing_rate", "unit_gradient_norm"])
    origins = {layouts(SETTING | {"probe.measures": names}, GRID)[0].checkpoint_origin for names in asked}
    assert len(origins) == len(asked)


def test_a_checkpoint_of_another_width_is_not_gone_on_with(monkeypatch):
    monkeypatch.setattr(layout, "CALL_SECONDS", 1e-9)
    small = GRID | {"seed": [0]}
    kept = Interrupting()
    interrupted(layouts(SETTING, small, width=4), kept, calls=3)
    seen = []
    list(engine.train_grid(layouts(SETTING, small), checkpoints=kept, progress=seen.append))
    assert sum(seen) == 40 * 4


def test_the_estimate_counts_groups_chunks_and_memory():
    planned = layouts(SETTING, GRID | {"model.activation.name": ["relu", "tanh"]})
    estimate = layout.estimate(planned)
    assert estimate.groups == 2
    assert estimate.chunks >= 2
    assert estimate.chunk_runs <= 44
    assert estimate.state_bytes > 0
    assert estimate.seconds > 0


def test_flops_are_six_a_weight_and_example_but_four_in_layer_1():
    assert layout.step_flops([(64, 128), (128, 10)], batch=32) == 32 * (4 * 64 * 128 + 6 * 128 * 10)


@pytest.mark.parametrize("runs", [1, 8, 9, 33, 100])
def test_every_run_has_a_slot_of_its_own_within_the_blocks_that_are_trained(runs):
    prepared = machine.make_machine(config.Engine())
    if jax.default_backend() == "cpu":
        assert (prepared.devices, prepared.partitions) == (min(4, machine.usable_cores()), max(2, prepared.devices))
    block, lane = np.divmod(np.arange(runs), 8)
    slots, blocks = engine.placement(block, lane, prepared, width=8, capacity=16)
    assert len(set(slots.tolist())) == runs
    device, rest = np.divmod(slots, 16 * 8)
    assert (rest // 8 < blocks[device]).all()
    training = blocks[: prepared.devices]
    assert max(training) - min(training) <= 1
    assert not blocks[prepared.devices :].any()


@pytest.mark.parametrize("splits", [1, 3])
def test_the_runs_of_a_block_share_their_split_and_no_two_a_place(splits):
    seeds = [4, 0, 11, 7, 3, 5, 6, 12, 9, 1, 30, 2]
    (planned,) = layouts(SETTING | {"data.splits": splits}, {"seed": seeds})
    rows = np.arange(1, len(seeds))
    block, lane = planned.places(rows)
    places = list(zip(block.tolist(), lane.tolist(), strict=True))
    assert len(set(places)) == len(rows)
    assert (lane < planned.width).all()
    in_block = {}
    for number, row in zip(block.tolist(), rows.tolist(), strict=True):
        in_block.setdefault(number, set()).add(seeds[row] % splits)
    assert all(len(of) == 1 for of in in_block.values())
    assert len(in_block) == sum(-(-n // planned.width) for n in np.bincount(planned.splits[rows]))
    assert sorted(in_block) == list(range(len(in_block)))


def test_a_run_on_a_split_of_the_data_is_bit_for_bit_that_on_the_split_alone():
    setting = SETTING | {"data.split_seed": 2, "train.steps": 30}
    together = by_seed(relubench.sweep(setting | {"data.splits": 3}, {"seed": list(range(7))}))
    for split in range(3):
        alone = by_seed(relubench.sweep(setting | {"data.split_seed": 2 + split}, {"seed": list(range(split, 7, 3))}))
        for table, rows in alone.items():
            assert rows.equals(together[table].filter(pl.col("seed") % 3 == split)), table


def by_seed(tables):
    """Return what was measured of each run, known by its seed."""
    seeds, named = tables["runs"].select("run_id", "seed"), ("run_id", "data.splits", "data.split_seed")
    return {
        name: (rows if name == "runs" else rows.join(seeds, on="run_id", maintain_order="left"))
        .drop(named, strict=False)
        .sort("seed", maintain_order=True)
        for name, rows in tables.items()
    }


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an accelerator has them")
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_a_precision_that_the_backend_would_replace_silently_is_refused(precision):
    with pytest.raises(UserError, match="a CPU takes float32 or float64"):
        layouts(SETTING | {"engine.precision": precision}, {})


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(UserError, match=rf"engine\.devices=99: there are {jax.device_count()} devices"):
        machine.make_machine(config.Engine(devices=99))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_programs_that_are_done_with_leave_memory(monkeypatch, compiled_in_a_hurry):
    monkeypatch.setattr(engine, "jitted", functools.lru_cache(maxsize=1)(engine.jitted.__wrapped__))

    def mappings_after(width):
        relubench.sweep({"train.steps": 0, "model.widths": [width], "probe.count": 2}, {"seed": [0]}, width=1)
        gc.collect()
        return len(Path("/proc/self/maps").read_text().splitlines())

    grown = np.diff([mappings_after(width) for width in (3, 4, 5, 6)])  # one takes several hundred
    assert min(grown) < 100  # those that stay add to it every time; what else the process does, now and then
