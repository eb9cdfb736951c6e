"""Every program is lowered for accelerators, which takes none: what would not lower there fails here."""

import jax
import pytest
from jax import export

from relubench import nn, optim
from relubench.data import streams
from relubench.run import recorder
from relubench.sweeps import engine, layout
from relubench.sweeps.machine import pinned
from tests.support.planned import layouts

PLATFORMS = ("cuda", "tpu")
BASE = {"train.steps": 20, "model.widths": [6, 5], "train.batch_size": 16, "probe.count": 3}
#: XLA knows it on every platform; what JAX does not promise is that later versions do.
ALLOWED = [export.DisabledSafetyCheck.custom_call("LayoutConstraint")]


def settings():
    """Give (what is chosen, its setting) of one choice after another."""
    for name in optim.OPTIMIZERS:
        yield f"optimizer {name}", {"optimizer.name": name, "optimizer.clip_norm": 1.0}
    yield "optimizer adam by unit", {"optimizer.name": "adam", "optimizer.counts": "unit"}
    for name in optim.REMEDIES:
        yield f"remedy {name}", {"remedy.name": name}
    for name in nn.MODELS:
        for norm in ("none", "batch", "layer") if name in ("mlp", "cnn") else ("none",):
            yield f"model {name} {norm}", {"model.name": name, "model.norm": norm}
    for name in nn.ACTIVATIONS:
        yield f"activation {name}", {"model.activation.name": name}
    for name in nn.INITIALIZERS:
        yield f"initialiser {name}", {"model.init.name": name}
    for name in streams.STREAMS:
        own = {"data.name": "bits", "loss.name": "squared_error"} if name == "slow_bits" else {}
        yield f"stream {name}", {"data.stream.name": name, **own}
    yield "measures all", {"probe.measures": list(recorder.MEASURES)}
    for name in nn.LOSSES:
        yield f"loss {name}", {"loss.name": name, **({"data.name": "bits"} if name == "squared_error" else {})}
    for precision in ("float64", "tf32", "bfloat16"):
        yield f"precision {precision}", {"engine.precision": precision}


SETTINGS = dict(settings())
#: One of each kind at once; that each choice lowers is told by the slow ones.
FIRST = ("remedy redo", "model cnn batch", "model transformer none", "precision tf32")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FIRST else pytest.mark.slow) for n in SETTINGS])
def test_a_program_is_lowered_for_accelerators(name, monkeypatch):
    monkeypatch.setattr(layout, "check_precision", lambda precision, machine: None)
    (group,) = layouts(BASE | SETTINGS[name], {"seed": [0]})
    with pinned(group.setting.engine.precision):
        function, arguments = engine.traceable(group)
        for platform in PLATFORMS:
            lowered = export.export(function, platforms=[platform], disabled_checks=ALLOWED)(*arguments)
            text = lowered.mlir_module()
            assert "stablehlo.while" in text
            for collective in ("all_reduce", "all_gather", "collective_permute", "all_to_all", "reduce_scatter"):
                assert f"stablehlo.{collective}" not in text
            if name == "precision tf32":
                assert "TF32" in text or "tf32" in text


def test_every_kind_of_choice_is_lowered():
    assert len(SETTINGS) > 50
    assert {name.split()[0] for name in SETTINGS} == {
        "optimizer", "remedy", "model", "activation", "initialiser", "stream", "measures", "loss", "precision",
    }  # fmt: skip
    assert jax.default_backend() == "cpu"
