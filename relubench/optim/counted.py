"""Adam whose bias correction counts the steps of each parameter, from the last time that a remedy reset it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from relubench import magnitudes
from relubench.lazy import jax, jnp, optax

if TYPE_CHECKING:
    import optax as optax_types


class CountedAdamState(NamedTuple):
    """Moments, and the sums of the weights that are in them: all shaped like the parameters, 0 where reset."""

    mu: Any
    nu: Any
    mu_weight: Any  # 1 - b1^n after n steps
    nu_weight: Any


def scale_by_counted_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> optax_types.GradientTransformation:
    """Return Adam (Kingma & Ba 2015, algorithm 1) with a count of steps for each parameter.

    It is `optax.scale_by_adam` until a remedy resets a unit. That takes the moments to 0, and here the count as well:
    the next step is one of Adam's first, of the learning rate's size. With one count of the whole run, late in
    training it is (1 - b1) / sqrt(1 - b2), some 3 times as large. The weights in a moment are a moving average of 1,
    so that they are reset as the moment is.
    """

    def init(params: Any) -> CountedAdamState:
        moments = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        # In half precision their sums would stand still before they are 1.
        weights = (jax.tree.map(lambda p: magnitudes.floating(jnp.zeros_like(p)), params) for _ in range(2))
        return CountedAdamState(*moments, *weights)

    def update(updates: Any, state: CountedAdamState, params: Any = None) -> tuple[Any, CountedAdamState]:
        ones = jax.tree.map(jnp.ones_like, state.mu_weight)
        squares = jax.tree.map(jnp.square, updates)
        moved = CountedAdamState(
            mu=_averaged(state.mu, updates, b1),
            nu=_averaged(state.nu, squares, b2),
            mu_weight=_averaged(state.mu_weight, ones, b1),
            nu_weight=_averaged(state.nu_weight, ones, b2),
        )
        return jax.tree.map(_step, *moved), moved

    def _step(mu: Any, nu: Any, mu_weight: Any, nu_weight: Any) -> Any:
        first, second = (moment / weight.astype(moment.dtype) for moment, weight in ((mu, mu_weight), (nu, nu_weight)))
        return first / (jnp.sqrt(second) + eps)

    return optax.GradientTransformation(init, update)


def _averaged(old: Any, new: Any, decay: float) -> Any:
    return jax.tree.map(lambda was, now: decay * was + (1 - decay) * now, old, new)
