"""The examples of docs/watch.md run as they stand, one after another."""

import importlib
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import command

PAGE = Path(__file__).parents[2] / "docs/watch.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
OF_THE_ZOO = [block for block in BLOCKS if "equinox" in block]
OF_THE_FIGURE = [block for block in BLOCKS if "transformer.png" in block]
OF_TENSORBOARD = [block for block in BLOCKS if "tensorboardX" in block]


def run(blocks, folder):
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_run(tmp_path):
    out = run([block for block in BLOCKS if block not in OF_THE_ZOO + OF_THE_FIGURE + OF_TENSORBOARD], tmp_path)
    assert "first/relu relu" in out
    assert "stems from both data and parameters" in out
    assert "168 tokens" in out
    assert "a softmax, or the logarithm of its sum" in out
    (words,) = re.findall(r"```bash\npython -m relubench (.*?)\n```", PAGE.read_text(encoding="utf-8"))
    status, told, _ = command(tmp_path, *words.split())
    assert status in {0, 1}
    assert "first/relu" in told
    assert (tmp_path / "autopsy.html").exists()


def test_the_figure_of_a_transformer_is_drawn(tmp_path):
    (block,) = OF_THE_FIGURE
    short = block.replace("probes, between = jnp.asarray(images) / 8 - 1, Transformer(), 30, 20", SHORTENED)
    assert short != block
    run([short, "print(dead.shape)"], tmp_path)
    assert (tmp_path / "transformer.png").stat().st_size > 10_000


SHORTENED = "probes, between = jnp.asarray(images[::20]) / 8 - 1, Transformer(), 2, 3"


def test_the_numbers_are_in_the_files_of_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX", reason="extra zoo")
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    (block,) = OF_TENSORBOARD
    run([BLOCKS[0], block], tmp_path)
    (path,) = (tmp_path / "board").iterdir()
    data, found = path.read_bytes(), {}
    while data:  # records of length, checksum, event, checksum
        (size,) = struct.unpack("<Q", data[:8])
        event = event_pb2.Event.FromString(data[12 : 12 + size])
        found |= {value.tag: value.simple_value for value in event.summary.value}
        data = data[16 + size :]
    assert {"first/relu/dead", "first/relu/silent"} <= set(found)
    assert 0 < found["first/relu/dead"] < 1


def test_the_examples_of_other_libraries_run(tmp_path):
    pytest.importorskip("equinox", reason="extra zoo")
    pytest.importorskip("haiku", reason="extra zoo")
    (block,) = OF_THE_ZOO
    run([BLOCKS[0], block], tmp_path)
