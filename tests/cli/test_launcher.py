"""The launcher that trains a sweep's jobs together, and the searches that it is for."""

import sys

import polars as pl
import pytest

from relubench.cli.groups import Groups
from relubench.cli.trials import Trials
from relubench.config import setting_values
from relubench.errors import UserError
from relubench.sweeps import engine, folders

TINY = ("experiment=custom", "seeds=3", "train.steps=20", "model.widths=[8]", "probe.count=2", "figures=false")
TOGETHER = ("-m", "hydra/sweeper=basic", "hydra/launcher=vmap")
RATES = "optimizer.learning_rate=tag(log,interval(0.01,10))"
SEARCH = (
    "-m", "hydra/sweeper=optuna", "hydra/launcher=vmap", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", RATES,
)  # fmt: skip
ACCURACY = ("objective=[test_accuracy]", "hydra.sweeper.direction=maximize")

AIMS = """
def never(runs):
    return None

def even(runs):
    return None if runs["optimizer.learning_rate"][0] > 0.5 else runs["test_accuracy"].mean()

def word(runs):
    return "many"
"""


@pytest.fixture
def groups_trained(monkeypatch):
    """Return the groups of each call that trains."""
    calls, real = [], engine.train_grid

    def train(layouts, **rest):
        calls.append(len(layouts))
        return real(layouts, **rest)

    monkeypatch.setattr(engine, "train_grid", train)
    return calls


def numbers(folder):
    """Return the runs and layers on disk without what only tells where they stand."""
    tables = (pl.read_parquet(folder / f"{name}.parquet") for name in ("runs", "layers"))
    return [table.drop("factor.trial", strict=False) for table in tables]


def test_jobs_are_one_program_and_have_the_bits_of_plain_runs(relubench, tmp_path, groups_trained):
    status, told, error = relubench(*TINY, *TOGETHER, "optimizer.learning_rate=.1,.2,3", "out=together")
    assert (status, error) == (0, "")
    assert groups_trained == [1]
    assert [line[:3] for line in told.splitlines() if line.endswith(": done")] == ["t0:", "t1:", "t2:"]
    assert relubench(*TINY, "grid.optimizer.learning_rate=[.1,.2,3]", "out=plain")[0] == 0
    for one, other in zip(numbers(tmp_path / "together"), numbers(tmp_path / "plain"), strict=True):
        assert one.equals(other)


def test_a_program_takes_the_trials_of_its_group(relubench, groups_trained):
    status, _, error = relubench(*TINY, *TOGETHER, "optimizer=sgd,adam", "optimizer.learning_rate=.1,.2")
    assert (status, error) == (0, "")
    assert groups_trained == [2]


def test_the_folder_asks_for_the_runs_of_all_batches(relubench, tmp_path, groups_trained):
    words = (*TINY, *TOGETHER, "train.steps=10,20,30", "hydra.sweeper.max_batch_size=1")
    assert relubench(*words)[0] == 0
    assert groups_trained == [1, 1, 1]
    (factor,) = folders.read_config(tmp_path / "results/custom/config.yaml").factors
    assert [level.title for level in factor.levels] == ["train.steps 10", "train.steps 20", "train.steps 30"]
    status, told, error = relubench("again", "results/custom")
    assert (status, error) == (0, "")
    assert "9 of 9 runs are on disk already" in told
    assert "trained" not in told


def trials(*jobs):
    made = Trials(Groups())
    made.add(jobs)
    return made


BASE = setting_values({})


def test_words_in_common_are_no_part_of_a_trial():
    made = trials(["seeds=2", "train.steps=3", "data.scale=2"], ["seeds=2", "train.steps=4", "data.scale=2"])
    assert made.words == ["seeds=2", "data.scale=2"]
    assert made.settings == [{"train.steps": 3}, {"train.steps": 4}]
    made.add([["seeds=2", "train.steps=4", "data.scale=3"]])
    assert made.words == ["seeds=2"]
    assert made.settings[0] == {"train.steps": 3, "data.scale": 2.0}


def test_a_key_wins_over_a_choice_of_its_group():
    made = trials(["model.widths=[3]", "model=resnet"], ["model=mlp", "model.widths=[4]"])
    assert made.settings[0] == {**made.settings[0], "model.name": "resnet", "model.widths": (3,)}
    made = trials(["model.widths=[3]", "model=resnet"], ["model=mlp", "model.widths=[3]"])
    assert [setting["model.name"] for setting in made.settings] == ["resnet", "mlp"]
    assert "model.widths" not in made.keys


@pytest.mark.parametrize(
    ("jobs", "varied", "levels"),
    [
        ([["train.steps=3"], ["train.steps=4"], ["train.steps=3"]], (), ["t0", "t1", "t0"]),
        ([["train.steps=3"], ["train.steps=3"]], (), ["t0", "t0"]),
        ([["remedy.tau=.1"], ["remedy.tau=.2"]], (), ["t0", "t0"]),  # no remedy reads it
        ([["remedy.tau=.1"], ["remedy.tau=.2"]], ("remedy.name",), ["t0", "t1"]),
        (
            [["remedy=redo", "remedy.tau=.1"], ["remedy=none", "remedy.tau=.1"], ["remedy=none", "remedy.tau=.2"]],
            (),
            ["t0", "t1", "t1"],
        ),
    ],
)
def test_trials_that_come_to_the_same_share_a_level(jobs, varied, levels):
    made = trials(*jobs)
    factor = made.factor(BASE, varied)
    assert made.levels == levels
    assert [level.name for level in factor.levels] == list(dict.fromkeys(levels))


@pytest.mark.parametrize("key", ["seed", "shard", "out", "experiment", "seeds", "grid.seed"])
def test_jobs_that_differ_in_more_than_a_setting_are_refused(key):
    with pytest.raises(UserError, match=f"takes one {key} for all of them"):
        trials([f"{key}=1"], [f"{key}=2"])


def test_what_fails_in_training_is_no_search_in_vain(relubench, monkeypatch):
    def fail(layouts, **rest):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(engine, "train_grid", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        relubench(*TINY, *TOGETHER, "train.steps=3,4")


REFUSED = {
    (*TOGETHER, "shard=0/2,1/2"): "takes one shard for all of them",
    (*TOGETHER, "shard=0/2", "train.steps=3,4"): "shard=0/2: a search needs all runs of a trial",
    ("-m", "hydra/launcher=vmap", "train.steps=3,4"): "the sweeper vmap trains together what it sweeps over already",
    ("-m", "hydra/sweeper=other", RATES): "hydra/sweeper=other: it takes hydra/launcher=vmap",
    ("hydra/sweeper=other", "hydra/launcher=vmap", RATES): "hydra/sweeper=other: it goes with -m",
    ("-m", RATES): "no glob, no interval",
    ("-m", "hydra/sweeper=other", "optimizer.learning_rate=interval(-1,3)"): "optimizer.learning_rate=-1.0: it takes",
    (*TOGETHER[::2], "hydra/sweeper=other", "train.steps=interval(1,3)"): "it takes whole numbers, train.steps=int(int",
    (*TOGETHER[::2], "hydra/sweeper=other", "hydra.sweeper.storage=a"): "hydra.sweeper.storage: the folder of results",
    (*TOGETHER, "objective=[test_accuracy]"): "with hydra.sweeper.direction=[] it takes 0",
}


@pytest.mark.parametrize("words", list(REFUSED), ids=" ".join)
def test_what_cannot_be_trained_together_is_one_line_and_exit_2(relubench, tmp_path, words):
    status, _, error = relubench(*TINY, *words)
    assert (status, len(error.splitlines())) == (2, 1)
    assert REFUSED[words] in error
    assert not list(tmp_path.rglob("*.parquet"))


def test_other_verbs_train_no_trials(relubench):
    status, _, error = relubench("plan", *TINY, *TOGETHER, "train.steps=3,4")
    assert (status, error) == (2, "relubench: hydra/launcher=vmap: it trains; it goes with the verbs run and again\n")


def test_an_objective_without_a_search_is_noted_and_changes_no_run(relubench, tmp_path):
    assert relubench(*TINY)[0] == 0
    status, told, error = relubench(*TINY, "objective=[test_accuracy]")
    assert (status, error) == (0, "")
    assert told.startswith("note: objective is what a search seeks, and this is none")
    assert "3 of 3 runs are on disk already" in told


def test_an_extra_that_is_missing_is_named(relubench, monkeypatch):
    from hydra.core.config_store import ConfigStore

    for group, name, extra in (("sweeper", "optuna", "optuna"), ("launcher", "ray", "ray")):
        monkeypatch.delitem(ConfigStore.instance().repo["hydra"][group], f"{name}.yaml", raising=False)
        status, _, error = relubench("-m", *TINY, f"hydra/{group}={name}")
        assert status == 2
        assert error == f"relubench: hydra/{group}={name}: it takes an extra: pip install 'relubench[{extra}]'\n"


@pytest.mark.slow
class TestOptuna:
    @pytest.fixture(autouse=True)
    def _installed(self, tmp_path):
        pytest.importorskip("optuna", reason="extra optuna")
        (tmp_path / "my_aims.py").write_text(AIMS)
        yield
        sys.modules.pop("my_aims", None)

    def test_a_search_tells_its_best_trial_and_where_it_is_kept(self, relubench, tmp_path, groups_trained):
        status, told, error = relubench(*TINY, *SEARCH, *ACCURACY)
        assert (status, error) == (0, "")
        assert groups_trained == [1, 1]
        last = told.splitlines()[-2:]
        assert last[0].startswith("best of 4 trials: t")
        assert last[1] == "wrote results/custom/hydra/optimization_results.yaml"
        kept = (tmp_path / "results/custom/hydra/optimization_results.yaml").read_text()
        runs = pl.read_parquet(tmp_path / "results/custom/runs.parquet")
        means = runs.group_by("factor.trial").agg(pl.col("test_accuracy", "optimizer.learning_rate").mean())
        best = means.sort("test_accuracy").row(-1, named=True)
        assert f"best_value: {best['test_accuracy']}" in kept
        assert f"optimizer.learning_rate: {best['optimizer.learning_rate']}" in kept

    def test_the_numbers_are_those_of_plain_runs(self, relubench, tmp_path):
        assert relubench(*TINY, *SEARCH, *ACCURACY, "out=searched")[0] == 0
        found, layers = numbers(tmp_path / "searched")
        rates = found["optimizer.learning_rate"].unique().to_list()
        assert relubench(*TINY, f"grid.optimizer.learning_rate={rates}", "out=plain")[0] == 0
        for one, other in zip((found, layers), numbers(tmp_path / "plain"), strict=True):
            assert one.equals(other)

    def test_a_search_that_was_killed_goes_on_where_it_was(self, relubench, tmp_path):
        begun = [word.replace("n_trials=4", "n_trials=2") for word in SEARCH]
        assert relubench(*TINY, *begun, *ACCURACY)[0] == 0
        parts = set((tmp_path / "results/custom/parts").iterdir())
        status, told, _ = relubench(*TINY, *SEARCH, *ACCURACY)
        assert status == 0
        assert told.splitlines()[0] == "6 of 6 runs are on disk already"
        assert told.count("trained") == 1
        assert len(list((tmp_path / "results/custom/parts").iterdir())) == len(parts) + 1
        status, told, _ = relubench(*TINY, *SEARCH, *ACCURACY)
        assert (status, "trained" in told) == (0, False)
        status, told, _ = relubench("again", "results/custom")
        assert (status, "12 of 12 runs are on disk already" in told, "note:" in told) == (0, True, False)

    def test_failed_trials_end_no_search_that_finds_something(self, relubench):
        status, told, error = relubench(*TINY, *SEARCH, "objective=[my_aims.even]")
        assert (status, error) == (0, "")
        assert ": no my_aims.even: a failed trial" in told

    def test_a_search_that_finds_nothing_says_so(self, relubench):
        status, _, error = relubench(*TINY, *SEARCH, "objective=[my_aims.never]")
        assert (status, error) == (2, "relubench: objective: none of the 4 trials has a value\n")

    @pytest.mark.parametrize(
        ("objective", "told"),
        [
            ("[]", "with hydra.sweeper.direction=[minimize] it takes 1"),
            ("[test_acuracy]", "unknown metric 'test_acuracy'; did you mean 'test_accuracy'?"),
            ("[test_accuracy,diverged]", "with hydra.sweeper.direction=[minimize] it takes 1"),
            ("[nosuch.value]", "No module named 'nosuch'"),
            ("[my_aims.nosuch]", "has no attribute 'nosuch'"),
            ("[my_aims.AIM]", "has no attribute 'AIM'"),
        ],
    )
    def test_an_objective_that_cannot_be_is_refused_before_anything_is_trained(
        self, relubench, tmp_path, objective, told
    ):
        status, _, error = relubench(*TINY, *SEARCH, f"objective={objective}")
        assert (status, len(error.splitlines())) == (2, 1)
        assert told in error
        assert not list(tmp_path.rglob("*.parquet"))

    def test_an_objective_that_returns_no_number_is_named(self, relubench):
        status, _, error = relubench(*TINY, *SEARCH, "objective=[my_aims.word]")
        assert (status, len(error.splitlines())) == (2, 1)
        assert "objective=[my_aims.word]: it returns 'many'; it takes a number, or None" in error

    def test_whole_numbers_are_searched_for(self, relubench, tmp_path):
        words = [word for word in SEARCH if word != RATES]
        status, _, error = relubench(*TINY, *words, "train.batch_size=int(interval(3,30))", *ACCURACY)
        assert (status, error) == (0, "")
        sizes = pl.read_parquet(tmp_path / "results/custom/runs.parquet")["train.batch_size"].unique()
        assert sizes.len() > 1
        assert sizes.is_between(3, 30).all()

    def test_several_objectives_have_no_best_trial(self, relubench, tmp_path):
        both = ("objective=[test_accuracy,dead_train_fraction]", "hydra.sweeper.direction=[maximize,minimize]")
        status, told, error = relubench(*TINY, *SEARCH, "optimizer=sgd,adam", *both)
        assert (status, error) == (0, "")
        assert "best of" not in told
        assert "solutions:" in (tmp_path / "results/custom/hydra/optimization_results.yaml").read_text()
