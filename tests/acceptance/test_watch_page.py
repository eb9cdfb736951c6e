"""The examples of docs/watch.md run as they stand, one after another."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/watch.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
OF_THE_ZOO = [block for block in BLOCKS if "equinox" in block]


def run(blocks):
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_run():
    out = run([block for block in BLOCKS if block not in OF_THE_ZOO])
    assert "first/relu relu" in out
    assert "stems from both data and parameters" in out
    assert "168 tokens" in out
    assert "a softmax, or the logarithm of its sum" in out


def test_the_examples_of_other_libraries_run():
    pytest.importorskip("equinox", reason="extra zoo")
    pytest.importorskip("haiku", reason="extra zoo")
    (block,) = OF_THE_ZOO
    run([BLOCKS[0], block])
