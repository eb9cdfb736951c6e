"""Bad input: one clear line, exit status 2 (1 for the disk), and nothing lost or left behind."""

import errno
import os
import re
import struct

import pytest

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
    (CUSTOM, "grid.zip.seed=[0,1]", "grid.zip.train.steps=[1,2,3]"): "equally long",
    (CUSTOM, "grid.out=[a,b]"): "cannot be a grid axis",
    (CUSTOM, "seeds=0"): "seeds=0: it takes a number of seeds >= 1",
    (CUSTOM, "seeds=2", "grid.seed=[0]"): "one of the two",
    (CUSTOM, "seed=1", "grid.seed=[0]"): "one of the two",
    (CUSTOM, "shard=4/4"): "shard=4/4: it takes i/n",
    (CUSTOM, "shard=a"): "it takes i/n",
    (CUSTOM, "engine.devices=99"): "engine.devices=99",
    (CUSTOM, "engine.precision=bfloat16"): "a CPU takes float32 or float64",
    (CUSTOM, "data=mnist", "data.root=nowhere"): "data.root=nowhere",
    (CUSTOM, "data=moons", "model=cnn"): "images",
    (CUSTOM, "data=moons", "data.examples=4", "data.test_fraction=.1"): "data.test_fraction",
    (CUSTOM, "~seeds"): "only axes of the grid can be taken away",
    (CUSTOM, "a b=3"): "'a b=3' cannot be read as KEY=VALUE",
    (CUSTOM, "${range:3}"): "${range:3}",
    (CUSTOM, "grid.seed=${rang:3}"): "rang",
    ("list", "seed=1"): "it takes no arguments",
    ("merge", CUSTOM): "no such folder",
    ("figures", CUSTOM): "no such folder",
}


@pytest.mark.parametrize("arguments", list(CASES), ids=" ".join)
def test_bad_input_is_one_clear_line_and_exit_2(relubench, tmp_path, arguments):
    status, out, err = relubench(*arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1
    assert CASES[arguments] in err
    assert "Traceback" not in out + err
    assert not list(tmp_path.rglob("*.yaml"))


TINY = (CUSTOM, "train.steps=2", "model.widths=[4]", "probe.count=2", "seeds=2")


@pytest.fixture
def done(relubench):
    assert relubench(*TINY)[0] == 0
    return relubench


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
