"""What published numbers take that relubench itself does not need, in words; "" where it is there."""

from __future__ import annotations

import importlib.util

from relubench.data.idx import FASHION_MNIST


def lacks_pytorch() -> str:
    """Return how to install PyTorch where it is not."""
    return "" if importlib.util.find_spec("torch") else "needs PyTorch: pip install 'relubench[bench]'"


def lacks_fashion_mnist() -> str:
    """Return how to install Fashion-MNIST where it is not in its usual place."""
    return "" if FASHION_MNIST.is_dir() else f"needs Debian's package dataset-fashion-mnist, in {FASHION_MNIST}"
