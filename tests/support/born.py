"""Networks with constant output at birth, counted by a plain NumPy loop in float64 that shares nothing with relubench.

`python -m tests.support.born` prints the references of published row 3, each with its standard error.
"""

import numpy as np

#: Networks at once.
BLOCK = 20_000
#: One input, evenly spaced on [-sqrt(3), sqrt(3)].
INPUTS = np.linspace(-np.sqrt(3), np.sqrt(3), 51)
BIASES = (0.0, 0.01, 0.1, 1.0)


def constant_share(bias, networks, seed, *, inputs=INPUTS, width=2, layers=10):
    """Return (share of networks whose output is the same for all inputs, its standard error).

    He normal weights, `layers` affine layers, and one bias of all hidden units.
    """
    draw, constant = np.random.default_rng(seed), 0
    for start in range(0, networks, BLOCK):
        output = outputs(draw, min(BLOCK, networks - start), bias, inputs, width, layers)
        low, high = output.min(1), output.max(1)
        constant += np.sum(high - low <= 1e-6 * (1 + np.maximum(np.abs(low), np.abs(high))))
    share = constant / networks
    return share, np.sqrt(share * (1 - share) / networks)


def outputs(draw, networks, bias, inputs, width, layers):
    """Return the outputs [networks, inputs] of networks with freshly drawn weights."""
    h, fan_in = np.broadcast_to(inputs[None, :, None], (networks, len(inputs), 1)), 1
    for _ in range(layers - 1):
        h = np.maximum(h @ he(draw, networks, fan_in, width) + bias, 0)
        fan_in = width
    return (h @ he(draw, networks, fan_in, 1))[..., 0]


def he(draw, networks, fan_in, fan_out):
    """Return kernels [networks, fan_in, fan_out] with variance 2 / fan_in."""
    return draw.standard_normal((networks, fan_in, fan_out)) * np.sqrt(2 / fan_in)


if __name__ == "__main__":
    for each in BIASES:
        print(f"bias {each:g}: {constant_share(each, 1_000_000, seed=0)}")
