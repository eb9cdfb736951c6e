"""What the benchmarks train: the networks, their settings in relubench, and what a step of theirs costs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple


class Workload(NamedTuple):
    """Training of many networks at once; one `run-step` is a step of one of them."""

    name: str
    title: str
    features: int
    widths: tuple[int, ...]
    outputs: int
    runs: int  # trained together
    optimizer: str = "sgd"
    activation: str = "relu"
    setting: Mapping[str, Any] | None = None  # what else its setting has
    batch: int = 128

    @property
    def key(self) -> str:
        """The name with the batch size."""
        return f"{self.name}/{self.batch}"

    @property
    def family(self) -> str:
        """What those have in common that differ in their optimiser or activation alone."""
        return f"{self.widths} {self.batch}"

    @property
    def dense(self) -> bool:
        """Whether it is made of dense layers alone."""
        return "model.name" not in (self.setting or {})

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of every dense layer."""
        return list(itertools.pairwise([self.features, *self.widths, self.outputs]))

    @property
    def values(self) -> dict[str, Any]:
        """The setting, of keys with their dots."""
        return {
            "model.widths": self.widths, "model.activation.name": self.activation, "optimizer.name": self.optimizer,
            "optimizer.learning_rate": 0.001 if self.optimizer == "adam" else 0.05, "train.batch_size": self.batch,
            **(self.setting or {}),
        }  # fmt: skip


WIDE = {"data.name": "gaussian", "data.features": 784, "data.classes": 10, "data.examples": 3000}
LINE = {"data.name": "interval", "data.examples": 3000, "data.normalize": "none", "loss.name": "squared_error"}
IMAGES = {"model.name": "cnn"}

_W1 = Workload("W1", "64-128×4-10", 64, (128,) * 4, 10, 64)
_W7 = Workload("W7", "the main job: 64-64×3-10", 64, (64,) * 3, 10, 128)
BASIC = [
    _W1,
    Workload("W2", "784-256×4-10", 784, (256,) * 4, 10, 16, setting=WIDE),
    Workload("W3", "1-4×9-1, narrow and deep", 1, (4,) * 9, 1, 512, setting=LINE),
    Workload("W4", "64-64-64-10", 64, (64,) * 2, 10, 128),
    Workload("W5", "3×3 convolutions of 8 and 16 channels on 8×8 images", 64, (8, 16), 10, 32, setting=IMAGES),
    _W1._replace(name="W6", title="W1 with Adam", optimizer="adam"),
]
WORKLOADS = [
    *(workload._replace(batch=batch) for batch in (128, 32) for workload in BASIC),
    *(
        _W7._replace(batch=64, name=name, title=title, **change)
        for name, title, change in (
            ("W7", _W7.title, {}),
            ("W7 Adam", "W7 with Adam", {"optimizer": "adam"}),
            ("W7 ELU", "W7 with ELU", {"activation": "elu"}),
            ("W7 tanh", "W7 with tanh", {"activation": "tanh"}),
        )
    ),
]
