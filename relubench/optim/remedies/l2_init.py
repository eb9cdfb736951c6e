"""L2 Init: a pull to the initial weights.

Kumar et al. 2023, "Maintaining plasticity in continual learning via regenerative regularization".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import checks
from relubench.config import knob
from relubench.lazy import jax, jnp, optax
from relubench.optim.remedies.choices import REMEDIES
from relubench.optim.remedies.lens import Affine, AffineLayers, check_lens, check_start, read_layers

if TYPE_CHECKING:
    from jax.typing import ArrayLike


class L2InitState(NamedTuple):
    """State of `l2_init`."""

    inner: Any  # that of the wrapped transformation
    start: Any  # the parameters that it pulls to


@REMEDIES.register("l2_init", strength=knob(0.01, "of the pull to the initial parameters", low=0.0))
def l2_init(
    inner: optax.GradientTransformation, *, layers: AffineLayers, strength: ArrayLike, **_: Any
) -> optax.GradientTransformationExtraArgs:
    """Return `inner` for a loss to which `strength` times the squared distance from the first parameters is added.

    It is the paper's equation 1, over the affine layers: a gradient of 2 `strength` (w - w0) more, before all that
    `inner` does.

    Args:
        inner: the transformation that makes the updates.
        layers: how to find the affine layers.
        strength: of the pull.
    """
    check_lens(layers)
    checks.number("strength", strength, low=0)
    inner = optax.with_extra_args_support(inner)

    def init(params: Any) -> L2InitState:
        check_start(read_layers, layers, params)
        return L2InitState(inner.init(params), jax.tree.map(jnp.asarray, params))

    def update(updates: Any, state: L2InitState, params: Any = None, **extra: Any) -> tuple[Any, L2InitState]:
        affine, gradients = read_layers(layers, params, updates), layers.get(updates)
        pulled = [_pulled(*three, strength) for three in zip(gradients, affine, layers.get(state.start), strict=True)]
        updates, inner_state = inner.update(layers.set(updates, pulled), state.inner, params, **extra)
        return updates, L2InitState(inner_state, state.start)

    return optax.GradientTransformationExtraArgs(init, update)


def _pulled(gradient: Affine, layer: Affine, start: Affine, strength: ArrayLike) -> Affine:
    kernel, bias = (
        g + 2 * jnp.asarray(strength, g.dtype) * (w - w0).astype(g.dtype)
        for g, w, w0 in zip(gradient, layer, start, strict=True)
    )
    return kernel, bias
