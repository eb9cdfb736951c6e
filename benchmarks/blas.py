"""The limit: a step's own products at their own shapes by NumPy's BLAS, on this core alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from workloads import Workload

#: Runs whose products are taken in turn, so that each finds its numbers in the cache as a training does.
RUNS = 4


def products(workload: Workload) -> dict[str, Callable[[int], float]]:
    """Return what takes so many steps' products of a run at a time: seconds a run-step on this core."""
    draw = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return draw.standard_normal((rows, columns), np.float32)

    batch, made = workload.batch, []
    for _ in range(RUNS):
        for layer, (size, out) in enumerate(workload.sizes):
            x, kernel, above = matrix(batch, size), matrix(size, out), matrix(batch, out)
            made.append((x, kernel, matrix(batch, out)))  # the outputs
            made.append((x.T, above, matrix(size, out)))  # the gradient of the weights
            if layer:
                made.append((above, kernel.T, matrix(batch, size)))  # that of the inputs

    def measure(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            for left, right, product in made:
                np.dot(left, right, out=product)
        return (time.perf_counter() - start) / steps / RUNS

    return {"step": measure}
