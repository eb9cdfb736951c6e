"""Bad input: one clear line, exit status 2 (1 for the disk), and nothing lost or left behind."""

import errno
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import warnings

import numpy as np
import polars as pl
import pytest

from relubench import cli
from relubench.errors import Notice

CUSTOM = "experiment=custom"
CASES = {
    # what is typed: what the line must say
    ("learn",): "unknown verb 'learn'",
    ("rum",): "did you mean 'run'",
    (CUSTOM, "optimizer.learningrate=.1"): "did you mean 'optimizer.learning_rate'",
    (CUSTOM, "+foo=1"): "unknown configuration key 'foo'",
    (CUSTOM, "optimizer.learning_rate=abc"): "optimizer.learning_rate='abc': it takes a number >= 0",
    (CUSTOM, "optimizer.learning_rate=-1"): "optimizer.learning_rate=-1",
    (CUSTOM, "train.steps=1.5"): "train.steps=1.5: it takes a whole number >= 0",
    (CUSTOM, "model.widths=[8,0]"): "each a whole number >= 1",
    (CUSTOM, "model.activation.name=rellu"): "did you mean 'relu'",
    (CUSTOM, "model.init.name=hee"): "did you mean 'he'",
    (CUSTOM, "optimizer.name=adamm"): "did you mean 'adam'",
    (CUSTOM, "optimizer=adamm"): "did you mean 'adam'",
    (CUSTOM, "loss.name=cross_entrophy"): "did you mean 'cross_entropy'",
    (CUSTOM, "data=digit"): "did you mean 'digits'",
    (CUSTOM, "data.name=digit"): "did you mean 'digits'",
    (CUSTOM, "model.name=mpl"): "did you mean 'mlp'",
    ("experiment=learning_rates",): "did you mean 'learning_rate'",
    (CUSTOM, "optimizer.schedule.name=cos"): "did you mean 'cosine'",
    (CUSTOM, "train.batch_size=5000"): "train.batch_size=5000: the training set has 1437 examples",
    (CUSTOM, "model.activation.name=leaky_relu", "model.activation.negative_slope=0"): "model.activation.name=relu",
    (CUSTOM, "grid.seed=[]"): "grid.seed=[]: it takes a list of at least one value",
    (CUSTOM, "grid.optimizer.learning_rate=4,0,9"): "it takes a list",
    (CUSTOM, "grid.optimizer.learning_rate=.1"): "it takes a list",
    (CUSTOM, "grid.optimizer.learningrate=[.1]"): "did you mean 'optimizer.learning_rate'",
    (CUSTOM, "grid.model.widths=[8,8]"): "a list of lists",
    (CUSTOM, "grid.zip.seed=[0,1]"): "unknown configuration key 'zip.seed'",
    (CUSTOM, "grid.out=[a,b]"): "cannot be a grid axis",
    (CUSTOM, "seeds=0"): "seeds=0: it takes a number of seeds >= 1",
    (CUSTOM, "seeds=2", "grid.seed=[0]"): "one of the two",
    (CUSTOM, "seed=1", "grid.seed=[0]"): "one of the two",
    (CUSTOM, "shard=4/4"): "shard='4/4': it takes i/n",
    (CUSTOM, "shard=a"): "it takes i/n",
    (CUSTOM, "engine.devices=99"): "engine.devices=99",
    (CUSTOM, "engine.precision=bfloat16"): "a CPU takes float32 or float64",
    (CUSTOM, "data=mnist", "data.root=nowhere"): "data.root=nowhere",
    (CUSTOM, "data=moons", "model=cnn"): "images",
    (CUSTOM, "data=moons", "data.examples=4", "data.test_fraction=.1"): "data.test_fraction",
    (CUSTOM, "~seeds"): "only an axis of the grid can be taken away",
    (CUSTOM, "~grid.sede"): "did you mean 'seed'",
    (CUSTOM, "~grid"): "only an axis of the grid can be taken away",
    (CUSTOM, "grid=[1]"): "grid",
    (CUSTOM, "optimizer=null"): "unknown optimizer 'None'",
    (CUSTOM, "model=null"): "unknown model 'None'",
    (CUSTOM, "data=null"): "unknown data 'None'",
    (CUSTOM, "data.function=glob(*)"): "no glob",
    (CUSTOM, "optimizer.learning_rate=interval(0,1)"): "no interval",
    (CUSTOM, "factor.a.x={seed: 1}"): "seeds are crossed with every level",
    (CUSTOM, "factor.a.x={train: {steps: 9}}", "factor.a.y={train: {steps: 9}}"): "its levels x and y come to the same",
    (CUSTOM, "factor.a.x={}", "factor.a.y={}"): "factor.a: its levels x and y come to the same setting",
    (CUSTOM, "factors={}"): "'factors={}': it takes levels of one factor, such as 'factor.bias=[zero,none]'",
    ("plan", "experiment=bias", "factors.bias=[zero]"): "it takes levels of one factor, such as",
    (
        "plan",
        "experiment=bias",
        "factor.bias.zero={seed: 1}",
    ): "factor.bias.zero: the experiment has a level of this name",
    (
        "plan",
        "experiment=bias",
        "factor.bias.loud.optimizer.bias_decay=1",
    ): "'factor.bias.loud={optimizer: {name: adam}}'",
    ("-m", CUSTOM, "seed=glob(*)"): "no glob",
    ("plan", "-m", "experiment=glob(no*)"): "glob(no*): no name fits; experiment takes names such as activations",
    ("plan", CUSTOM, "model=glob(*)"): "with -m each of its values is taken",
    (CUSTOM, "seed=1,2"): "with -m each of its values is taken",
    ("-m", "plan", CUSTOM, "seed=1,2"): "a verb comes first",
    (CUSTOM, "out=''"): "out='': it takes",
    (CUSTOM, "out='a\nb'"): "out=",
    (CUSTOM, "data.root=''"): "data.root='': it takes",
    (CUSTOM, "remedy.freeze=${train.steps}"): "remedy.freeze=1000: it takes true or false",
    (CUSTOM, "engine.width=0"): "engine.width=0: it takes a whole number >= 1",
    (CUSTOM, "engine.devices=-1"): "engine.devices=-1",
    (CUSTOM, "-probe.tau"): "unknown option '-probe.tau'",
    (CUSTOM, "--config-dir", "mine"): "--config-dir=mine: no such folder",
    (CUSTOM, "--multi"): "unknown option '--multi'",
    (CUSTOM, "--cfg"): "--cfg='': it takes job or hydra or all",
    ("plan", "-m", "--cfg", "job"): "--multirun and --cfg: it takes one of them",
    (CUSTOM, "--resolve"): "--resolve: it goes with --cfg",
    (CUSTOM, "hydra=null"): "of Hydra's own keys it takes",
    (CUSTOM, "hydra.searchpath=[file:///x]"): "of Hydra's own keys it takes",
    ("plan", "-m", CUSTOM, "hydra.sweeper=null"): "of Hydra's own keys it takes",
    ("plan", "-m", CUSTOM, "hydra.launcher.nosuch=1"): "nosuch",
    ("plan", "-m", CUSTOM, "seed=range(0,inf)"): "it takes a range of one to 1,000,000 values",
    ("plan", "-m", CUSTOM, "seed=range(0,2000000000)"): "it takes a range of one to 1,000,000 values",
    ("plan", "-m", CUSTOM, "seed=shuffle(range(0,2000000000))"): "it takes a range of one to 1,000,000 values",
    ("plan", "-m", CUSTOM, "seed=range(0,9,0)"): "it takes a range of one to 1,000,000 values",
    ("plan", "-m", CUSTOM, "seed=range(0,9,.5)"): "seed=0.5: it takes a whole number",
    (CUSTOM, f"train.steps={'9' * 5000}"): "cannot be read as KEY=VALUE",
    ("verify", "²"): "'²' is no KEY=VALUE",
    (CUSTOM, "train.steps=3000000", "probe.count=2", "model.widths=[1000]"): "3,000,000 steps between two probes",
    (CUSTOM, "--cfg", "jobs"): "--cfg='jobs': it takes job",
    (CUSTOM, "-m=3"): "--multirun='3': it takes no value",
    (CUSTOM, "plan"): "a verb comes first",
    (CUSTOM, "shard=0/99999999999999999999"): "it takes i/n",
    (CUSTOM, "shard=²/4"): "it takes i/n",
    (CUSTOM, "grid.seed=${range:2000000000}"): "it takes from one to 1,000,000",
    (CUSTOM, "grid.optimizer.learning_rate=${linspace:0,1,2000000000}"): "it takes from one to 1,000,000",
    (CUSTOM, "seeds=1000000000000"): "seed=1000000000999: it takes a whole number >= 0 and <= 2147483647",
    (CUSTOM, "optimizer.schedule.warmup_steps=4294967296"): "and <= 2147483647",
    (CUSTOM, "optimizer.schedule.decay_steps=4294967296"): "and <= 2147483647",
    (CUSTOM, "remedy.period=4294967296"): "and <= 2147483647",
    (CUSTOM, "train.steps=1099511627776"): "and <= 2147483647",
    (CUSTOM, "data.stream.period=9223372036854775808"): "and <= 2147483647",
    (CUSTOM, "data=moons", "data.examples=2000000000"): "data.examples=2000000000: it needs",
    (CUSTOM, "data=gaussian", "data.features=100000", "data.classes=1000000"): "of memory, there are",
    (CUSTOM, "optimizer.learning_rate=1e39"): "in float32 it takes 0 or a magnitude from 1.18e-38 to 3.4e+38",
    (CUSTOM, "optimizer.learning_rate=1e-320"): "in float32 it takes 0 or a magnitude",
    (CUSTOM, "grid.data.scale=[1,-1e39]"): "data.scale=-1e+39: in float32",
    (CUSTOM, "engine.precision=float64", "optimizer.learning_rate=1e-320"): "in float64 it takes 0 or a magnitude",
    (
        CUSTOM,
        "model.widths=[1000000,1000000]",
    ): "model.widths=[1000000, 1000000] in blocks of engine.width=2 runs: it needs",
    (CUSTOM, "engine.width=1000000"): "engine.width=1000000 runs: it needs",
    (CUSTOM, "seeds=2000000000"): "a table of 2,000,000,000 runs: it needs",
    (CUSTOM, "a b=3"): "'a b=3' cannot be read as KEY=VALUE",
    (CUSTOM, "${range:3}"): "${range:3}",
    (CUSTOM, "grid.seed=${rang:3}"): "rang",
    ("list", "seed=1"): "it takes --config-dir=DIR and imports=[MODULE]",
    ("merge", CUSTOM): "no such folder",
    ("figures", CUSTOM): "no such folder",
}


@pytest.mark.parametrize("arguments", list(CASES), ids=" ".join)
def test_bad_input_is_one_clear_line_and_exit_2(relubench, tmp_path, arguments):
    status, out, err = relubench(*arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert len(err) < 500
    assert CASES[arguments] in err
    assert "Traceback" not in out + err
    assert not list(tmp_path.rglob("*.yaml"))


TINY = (CUSTOM, "train.steps=2", "model.widths=[4]", "probe.count=2", "seeds=2")


@pytest.fixture
def done(relubench, trained, tmp_path):
    shutil.copytree(trained(*TINY), tmp_path, dirs_exist_ok=True)
    return relubench


#: The verbs that read each kind of file.
READ_BY = {
    "parts/*.parquet": [TINY, ("plan", *TINY), ("merge", *TINY)],
    "config.yaml": [TINY, ("figures", *TINY)],
    "summary.parquet": [("figures", *TINY)],
    "curves.parquet": [("figures", *TINY)],
    "claims.parquet": [("figures", *TINY), ("report",)],
    "provenance.json": [("report",)],
}


def test_every_damaged_file_is_one_line_that_names_it_and_exit_2_and_nothing_is_lost(done, tmp_path):
    results = tmp_path / "results/custom"
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    for pattern, commands in READ_BY.items():
        (path,) = results.glob(pattern)
        damaged = bytearray(before[path])
        damaged[len(damaged) // 2] ^= 4
        path.write_bytes(damaged)
        for command in commands:
            status, out, err = done(*command)
            assert (status, len(err.strip().splitlines())) == (2, 1), (pattern, command)
            assert f"results/custom/{path.relative_to(results)}: it cannot be read" in err
            assert "Traceback" not in out + err
        assert path.read_bytes() == damaged
        path.write_bytes(before[path])
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def test_a_damaged_checkpoint_is_one_line_and_the_run_goes_on(relubench, tmp_path):
    folder = tmp_path / "results/custom/checkpoints"
    folder.mkdir(parents=True)
    (folder / "0.npz").write_bytes(b"half")
    with pytest.warns(Notice, match="0.npz: a damaged checkpoint, set aside as 0.npz.damaged") as warned:
        assert relubench(*TINY)[0] == 0
    told = warned.pop(Notice)
    shown = warnings.formatwarning(told.message, told.category, told.filename, told.lineno)
    assert shown == f"relubench: {told.message}\n"
    assert [path.name for path in folder.iterdir()] == ["0.npz.damaged"]


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_any_locale_prints_any_name(tmp_path, variables):
    def run(*arguments):
        command = [sys.executable, "-m", "relubench", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=os.environ | {"LC_ALL": "C"} | variables, capture_output=True)

    for arguments, status in {("--help",): 0, ("plan", "out='日本'", "seed=é"): 2}.items():
        told = run(*arguments)
        assert told.returncode == status, told.stderr
        assert b"Traceback" not in told.stderr


def test_a_damaged_part_is_named_and_nothing_is_lost(done, tmp_path):
    (part,) = (tmp_path / "results/custom/parts").iterdir()
    whole = part.read_bytes()
    part.write_bytes(whole[:100])
    status, _, err = done(*TINY)
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert part.name in err
    assert part.exists()
    part.unlink()
    assert done(*TINY)[0] == 0
    assert part.read_bytes()[:100] == whole[:100]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("experiment=learning_rate", "out=results/custom"), "it holds the experiment 'custom', not 'learning_rate'"),
        (("merge", "out=results/custom"), "it holds the experiment 'custom', not 'learning_rate'"),
        (("plan", "out=results/custom"), "it holds the experiment 'custom', not 'learning_rate'"),
        ((*TINY, "train.steps=3"), "train.steps=3"),
        ((*TINY, "data.normalize=none"), "data.normalize=none"),
        ((*TINY, "probe.count=3"), "choose another out="),
        ((*TINY[:-1], "seeds=3", "engine.width=4"), "width=8"),
    ],
)
def test_a_folder_of_something_else_is_refused(done, tmp_path, change, told):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, _, err = done(*change)
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert told in err
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_damaged_data_file_is_named(relubench, tmp_path):
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">BBBBIII", 0, 0, 8, 3, 9, 2, 2) + b"\1" * 35)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 9) + b"\1" * 9)
    status, _, err = relubench(CUSTOM, "data=mnist", f"data.root={tmp_path}")
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert "train-images-idx3-ubyte: 35 bytes follow the header" in err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_is_one_line_and_exit_1(done, tmp_path, monkeypatch, code):
    before = {path: path.read_bytes() for path in (tmp_path / "results/custom/parts").iterdir()}

    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        status, _, err = done(*TINY[:-1], "seeds=4")
    assert (status, len(err.strip().splitlines())) == (1, 1)
    assert re.search("the disk is full|read-only", err)
    assert {path: path.read_bytes() for path in (tmp_path / "results/custom/parts").iterdir()} == before
    assert done(*TINY[:-1], "seeds=4")[0] == 0


def test_an_out_that_is_a_file_is_one_line_and_exit_1(relubench, tmp_path):
    (tmp_path / "taken").write_text("")
    status, _, err = relubench(*TINY, "out=taken")
    assert (status, len(err.strip().splitlines())) == (1, 1)
    assert "taken" in err


def test_a_share_of_a_sweep_that_no_memory_holds_is_planned(relubench):
    status, out, _ = relubench("plan", CUSTOM, "seeds=2000000000", "shard=3/1000000", "train.steps=2")
    assert status == 0
    assert "2,000 (2,000 to train)" in out


@pytest.mark.parametrize("out", ["日本é", "~/x", "a'b", "a\\", "a=b", "a b", "(", "x{y"])
def test_any_path_that_a_file_system_takes_is_taken(relubench, tmp_path, monkeypatch, out):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    status, _, err = relubench("merge", *TINY, f"out={out}")
    assert status == 2
    assert f"out={out.replace('~', str(tmp_path / 'home'))}: no such folder" in err


def test_an_axis_of_the_grid_can_be_taken_away(relubench):
    assert "runs        1 " in relubench("plan", *TINY, "seeds=null", "~grid.seed")[1]
    few = ("plan", "experiment=learning_rate", "grid.optimizer.learning_rate=[.1]", "~grid.model.activation.name")
    runs = [int(relubench(*few, word)[1].split()[1]) for word in ("~grid.seed", "seeds=2")]
    assert runs[1] == 2 * runs[0]


def test_a_network_without_hidden_layers_is_a_linear_one(relubench):
    import relubench as library

    status, _, err = relubench(CUSTOM, "train.steps=2", "probe.count=2", "seeds=5", "grid.model.widths=[[],[4]]")
    assert (status, err) == (0, "")
    tables = library.load("results/custom")
    linear = tables.runs.filter(pl.col("model.widths").list.len() == 0)
    assert linear["units"].to_list() == [0] * 5
    assert linear["dead_train_fraction"].null_count() == 5
    assert linear["train_accuracy"].is_not_null().all()
    assert tables.layers["run_id"].is_in(linear["run_id"].implode()).sum() == 0
    assert tables.probes["run_id"].is_in(linear["run_id"].implode()).sum() == 10


def test_output_that_nobody_takes_stops_nothing(tmp_path, monkeypatch, capsys):
    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self):
            self.write("")

        def isatty(self):
            return False

    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Full())
        patch.setattr("sys.argv", ["relubench"])
        patch.chdir(tmp_path)
        assert cli.main(TINY) == 1
    assert capsys.readouterr().err.startswith("relubench: standard output: No space left on device")
    assert (tmp_path / "results/custom/summary.parquet").exists()


@pytest.mark.parametrize("redirection", ["| head -c 1", pytest.param(">&-", marks=pytest.mark.slow)])
def test_a_reader_that_goes_leaves_the_results_complete(done, tmp_path, redirection):
    (tmp_path / "results/custom/provenance.json").unlink()  # the last that is written
    words = [sys.executable, "-m", "relubench", *TINY]
    line = f"set -o pipefail; {shlex.join(words)} {redirection}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "results/custom/provenance.json").exists()


def images(folder, seed):
    """Write a folder of IDX files: 20 images of 2 x 2 pixels in two classes."""
    draw = np.random.default_rng(seed)
    folder.mkdir()
    for part in ("train", "t10k"):
        header = struct.pack(">BBBBIII", 0, 0, 8, 3, 20, 2, 2)
        pixels = draw.integers(0, 256, 80, np.uint8).tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 20) + b"\0\1" * 10)
    return folder


def test_two_data_sets_are_no_one_experiment(relubench, tmp_path):
    first, second, same = (images(tmp_path / name, seed) for name, seed in (("A", 0), ("B", 1), ("C", 0)))
    words = [*TINY[:-1], "data.name=mnist", "train.batch_size=8"]
    assert relubench(*words, "seeds=2", f"data.root={first}")[0] == 0
    status, _, err = relubench(*words, "seeds=4", f"data.root={second}")
    assert (status, len(err.strip().splitlines())) == (2, 1)
    assert re.search("was computed with data=[0-9a-f]{16}, this is data=[0-9a-f]{16}; bits may differ", err)
    for change in ("seeds=2", "grid.data.normalize=[scalar,none]"):  # nothing is missing; the same data seen otherwise
        status, _, err = relubench(*words, change, f"data.root={second}")
        assert (status, "was computed with data=" in err) == (2, True)
    assert relubench(*words, "seeds=3", f"data.root={same}")[0] == 0
    provenance = json.loads((tmp_path / "results/custom/provenance.json").read_text(encoding="utf-8"))
    assert len({way["fingerprint"]["data"] for way in provenance["computed"]}) == 1
    assert relubench(*words, "seeds=4", f"data.root={second}", "engine.mixed=true")[0] == 0
