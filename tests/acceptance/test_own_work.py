"""Work of one's own: the files of docs/own-work.md, in a folder outside the checkout, are chosen and trained."""

import contextlib
import json
import os
import runpy
import shutil
import subprocess
import sys

import jax
import numpy as np
import polars as pl
import pytest

import relubench
from relubench.cli.own import importable
from relubench.errors import Notice, UserError
from tests.support.command_line import command
from tests.support.installed import unpacked
from tests.support.pages import DOCS, shown_files, write_files
from tests.support.registered import forgetting

PAGE = DOCS / "own-work.md"
CONF, CHOICES = "--config-dir=myconf", "imports=[my_choices]"
TINY = ("train.steps=4", "train.batch_size=16", "model.widths=[4,4]", "probe.count=2", "figures=false")
#: Several of each kind of choice at once, so that few programs are compiled.
CHOSEN = (
    "data=spiral", "data.examples=100", "model.activation.name=capped_relu", "model.init.name=half_normal",
    "optimizer=lion", "loss=focal", "loss.focus=1", "data.stream.name=mirrored", "data.stream.period=2",
)  # fmt: skip


@pytest.fixture
def own(tmp_path):
    """The page's files in an empty folder, and nothing of them registered before or after."""
    with forgetting():
        yield write_files(PAGE, tmp_path)


@contextlib.contextmanager
def foreign():
    """Let other libraries promote as they do."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def run(folder, *words, statuses=(0,)):
    status, out, error = command(folder, *words)
    assert status in statuses, error
    assert len(error.splitlines()) <= 1
    return error if status else out


def test_the_page_shows_a_file_of_each_kind():
    assert {name.rpartition("/")[2] for name in shown_files(PAGE)} == {
        "my_choices.py", "my_networks.py", "slow_adam.yaml", "init_scale.yaml", "my_init_scale.py",
        "my_arrays.py",
    }  # fmt: skip


def test_choices_of_one_s_own_train_from_the_command_line_and_from_python(own, monkeypatch):
    with forgetting():
        run(own, CONF, CHOICES, "experiment=custom", *CHOSEN, "seeds=2", *TINY)
    shutil.copytree(own / "results/custom", own / "results/copy")
    with forgetting():
        assert "2 runs are in both" in run(own, "compare", "results/custom", "results/copy", CONF)
    runs = relubench.load(own / "results/custom").runs
    assert runs.select("data.name", "data.turns", "model.activation.cap", "loss.focus", "remedy.largest").row(0) == (
        "spiral", 1.5, 6.0, 1.0, None,
    )  # fmt: skip
    assert runs["train_loss"].n_unique() == 2
    stored = json.loads((own / "results/custom/provenance.json").read_text())["command"]
    assert stored[3:5] == [CONF, CHOICES]
    again = run(own, "again", CONF, "results/custom", "loss.focus=1")
    assert "2 of 2 runs are on disk already" in again
    run(own, "again", "results/custom", CONF, "data.turns=2.0", "out=elsewhere", "shard=0/2")
    assert run(own, "merge", "out=elsewhere", "experiment=custom", CONF, *CHOSEN, "data.turns=2.0", "seeds=2", *TINY,
               statuses=(1,)) == ""  # fmt: skip
    retrained = relubench.retrain(own / "results/custom", runs["run_id"][0])
    assert [kernel.shape for kernel, _ in retrained] == [(2, 4), (4, 4), (4, 2)]


def test_a_network_a_remedy_and_a_file_of_keys_are_chosen_together(own):
    words = ("model=bottleneck", "optimizer=slow_adam", "remedy=weight_clipping", "remedy.largest=.1")
    run(own, CONF, "imports=[my_choices,my_networks]", "experiment=custom", "data=moons", *words, *TINY)
    row = relubench.load(own / "results/custom").runs.row(0, named=True)
    assert (row["model.name"], row["optimizer.name"], row["optimizer.learning_rate"]) == ("bottleneck", "adam", 0.001)
    assert (row["remedy.name"], row["remedy.largest"], row["diverged"]) == ("weight_clipping", 0.1, False)


@pytest.mark.parametrize(
    ("name", "units"), [("conv_net", [8, 32]), ("normed", [32]), ("equinox_mlp", [32, 32])], ids=str
)
def test_a_network_of_another_library_is_chosen_by_its_module_and_name(own, name, units):
    if name == "equinox_mlp":
        pytest.importorskip("equinox", reason="extra zoo")
    words = (f"model.name=my_networks.{name}", "remedy=redo", "remedy.period=2", *TINY, "out=other", "units=true")
    with foreign():
        run(own, CONF, "experiment=custom", *words)
        assert "1 of 1 runs are on disk already" in run(own, CONF, "experiment=custom", *words)
        results = relubench.load(own / "other")
        last = results.layers.filter(pl.col("step") == 4).sort("layer")
        assert last["units"].to_list() == units
        assert results.units.height == sum(units)
        assert results.runs["model.widths"].to_list() == [None]
        with importable(own / "myconf"):
            weights = relubench.retrain(own / "other", results.runs["run_id"][0])
    assert all(isinstance(leaf, np.ndarray) or not hasattr(leaf, "shape") for leaf in jax.tree.leaves(weights))
    assert "model.widths" not in run(own, "plan", CONF, "experiment=custom", *words)


def test_an_experiment_of_one_s_own_is_listed_planned_swept_judged_and_drawn(own):
    listed = run(own, "list", CONF).splitlines()
    (place,) = (n for n, line in enumerate(listed) if line.startswith("init_scale"))
    assert listed[place].endswith("Do larger initial weights kill more units?")
    assert listed[place + 1].split() == ["factor.rate:", "proper,", "high"]
    words = (CONF, "experiment=init_scale", "seeds=6", *TINY[:-1])
    assert "runs        36 (36 to train)" in run(own, "plan", *words)
    run(own, "-m", *words, "shard=0/2,1/2")
    run(own, "merge", *words)
    claims = pl.read_parquet(own / "results/init_scale/claims.parquet")
    assert claims.select("claim", "condition", "n").rows() == [(901, "rate 0.1", 6), (901, "rate 0.5", 6)]
    assert "init_scale.png" in run(own, "figures", CONF, "out=results/init_scale")
    caption = (own / "results/init_scale/figures/init_scale.txt").read_text()
    assert 'Claim 901, "Larger initial weights kill more units"' in caption
    assert "rate 0.5" in run(own, "report", CONF)


@pytest.mark.parametrize(("names", "jobs"), [("adam,sgd", 1), ("slow_adam,sgd", 2)])
def test_a_sweep_over_files_of_keys_is_a_job_each(own, names, jobs):
    planned = run(own, "plan", "-m", CONF, "experiment=custom", f"optimizer={names}", *TINY)
    assert planned.count("planned in") == jobs


def test_arrays_given_from_python_have_ids_of_their_own(own):
    first, second = (runpy.run_path(str(own / "my_arrays.py")) for _ in range(2))
    assert first["tables"]["runs"]["run_id"].to_list() == second["tables"]["runs"]["run_id"].to_list()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("imports=[my_choice]",), "imports=[my_choice]: there is no module my_choice in "),
        ((CONF, "imports=[my_broken]"), "my_broken.py raises ZeroDivisionError: division by zero"),
        ((CONF, "imports=[my_twice]"), "model.activation.name 'relu' is registered twice"),
        ((CONF, "imports=[my choices]"), "'my choices' is no name of a module"),
        (("imports=my_choices",), "imports='my_choices': it takes a list"),
        (("-m", "imports=[a],[b]"), "it takes one list"),
        (("--config-dir=nowhere",), "--config-dir=nowhere: no such folder"),
        (("--config-dir",), "--config-dir=: no such folder"),
        ((CONF, CONF), "it takes one folder, not 'myconf' and 'myconf'"),
        (("experiment=init_scale",), "--config-dir=DIR add one's own"),
        (("experiment=custom", "data=spiral"), "unknown data 'spiral'"),
        (("--config-dir=taken",), "relubench has experiment=bias already"),
        (("--config-dir=spoilt", "experiment=spoilt"), "spoilt.yaml: it cannot be read"),
        (
            ("--config-dir=bare", "experiment=other"),
            "experiment=other: its YAML file has name: bias; it takes name: other",
        ),
        (
            ("--config-dir=bare", "experiment=bare"),
            "experiment.name: an experiment's YAML file sets the keys of a run; it",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_brought_is_refused_by_name(own, words, told):
    (own / "myconf/my_broken.py").write_text("share = 1 / 0\n")
    (own / "myconf/my_twice.py").write_text("from relubench.nn import ACTIVATIONS\nACTIVATIONS.register('relu')(abs)\n")
    files = {"taken/experiment/bias.yaml": "name: bias\n", "bare/experiment/bare.yaml": "name: bare\n"}
    files["bare/experiment/other.yaml"] = "# @package _global_\nname: bias\n"
    for name, text in {**files, "spoilt/experiment/spoilt.yaml": "a: [\n"}.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    assert told in run(own, "plan", *words, statuses=(2,))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("SCALE: 4.0", "SCALE: 3.0", "init_scale: claim 901 (rate 0.1): unknown value of model.init.scale '3.0'"),
        (
            'paired("dead_train',
            'paired("deda_train',
            "unknown metric 'deda_train_fraction'; did you mean 'dead_train_fr",
        ),
        ("CLAIMS =", 'CURVES = ("deadly_rat",)\nCLAIMS =', "curve or measure of experiment=init_scale 'deadly_rat'"),
        ("CLAIMS =", 'CURVES = ("deadly_rate",)\nCLAIMS =', "need deadly_rate; it takes them in probe.measures"),
    ],
)
def test_what_claims_and_curves_lack_is_refused_before_training_and_by_plan(own, old, new, told):
    path = own / "myconf/my_init_scale.py"
    path.write_text(path.read_text().replace(old, new))
    for verb in ((), ("plan",)):
        with forgetting():
            assert told in run(own, *verb, CONF, "experiment=init_scale", "seeds=1", *TINY, statuses=(2,))


def test_an_experiment_without_curves_and_figures_is_drawn(own):
    path = own / "myconf/my_init_scale.py"
    path.write_text(path.read_text().replace("def figures", "CURVES = ()\n\n\ndef undrawn"))
    told = run(own, CONF, "experiment=init_scale", "seeds=1", *TINY[:-1], "factor.rate=[proper]")
    assert "with 1 of the 5 seeds that its claims need they stay open" in told
    assert (own / "results/init_scale/claims.parquet").exists()


def test_a_report_goes_on_without_a_module_that_is_not_there(own):
    with forgetting():
        run(own, CONF, "experiment=init_scale", "seeds=1", *TINY, "factor.rate=[proper]")
    with pytest.warns(
        Notice, match=r"results/init_scale: its question is left out; imports=\[my_init_scale\]: there is no"
    ):
        told = run(own, "report")
    assert "Larger initial weights kill more units" in told


def test_a_run_of_a_choice_that_is_not_imported_is_not_trained_again(own):
    run(own, CONF, "imports=[my_choices]", "experiment=custom", *CHOSEN, *TINY)
    run_id = relubench.load(own / "results/custom").runs["run_id"][0]
    with forgetting():
        relubench.config.CHOICES["data.name"].remove("spiral")
        with pytest.raises(UserError, match=r"unknown data.name 'spiral'.*imports=\[MODULE\]"):
            relubench.retrain(own / "results/custom", run_id)


@pytest.mark.slow
def test_an_installed_package_works_from_any_folder(own, tmp_path_factory):
    site = unpacked(tmp_path_factory.mktemp("wheel"))
    script = [sys.executable, "-P", "-c", "from relubench.cli import process; process()"]  # as the console script does
    environment = {**os.environ, "PYTHONPATH": str(site), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    some = [CONF, "experiment=init_scale", "seeds=2", *TINY]
    for words in (some, ["-m", *some, "shard=0/1", "out=jobs", "hydra/launcher=submitit_local"]):
        if words[0] == "-m":
            pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
        done = subprocess.run([*script, *words], cwd=own, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    assert (own / "results/init_scale/claims.parquet").exists()
    assert list((own / "jobs/parts").glob("*.parquet"))
