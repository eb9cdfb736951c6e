"""PyTorch beside relubench: its own draws, and networks that it has trained as ours were."""

import itertools

import numpy as np
import polars as pl
import pytest

import relubench
from relubench import config, data, experiments
from relubench.experiments.published.pytorch import rival
from relubench.experiments.published.untrained import tutorial
from relubench.findings.claims import judge
from relubench.sweeps.folders import Tables
from tests.support.reference import forward

torch = pytest.importorskip("torch", reason="needs the extra `bench`")

DIGITS = data.load(config.Data())


def test_images_of_the_tutorial_are_those_of_random_split():
    torch.manual_seed(42)
    train, validation = torch.utils.data.random_split(range(60_000), [50_000, 10_000])
    np.testing.assert_array_equal(tutorial.images(), train.indices)
    assert not set(tutorial.images()) & set(validation.indices)


def test_layers_of_the_tutorial_are_drawn_as_its_network_draws_them():
    sizes = [784, 256, 256, 10]
    torch.manual_seed(42)
    layers = []
    for size, following in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(size, following), torch.nn.ReLU()]
    x = torch.rand(5, 784)
    _, output = forward([(k.astype(float), b) for k, b in tutorial.drawn(sizes)], x.numpy().astype(float))
    np.testing.assert_allclose(output, torch.nn.Sequential(*layers[:-1])(x).detach(), rtol=1e-4, atol=1e-5)


def values(**keys):
    """Return a setting as the rival takes it."""
    short = {"model.widths": [16, 16], "train.steps": 30, "train.batch_size": 64, "optimizer.learning_rate": 0.05}
    return tuple(config.over_defaults(short | {key.replace("__", "."): value for key, value in keys.items()}).items())


def test_a_stack_of_networks_is_trained_as_each_one_alone():
    """Against PyTorch's own modules, one network after the other, with the same draws."""
    networks, steps = 3, 30
    found = rival.dead_shares(values(optimizer__name="adam", optimizer__learning_rate=0.1), networks, seed=5)
    torch.manual_seed(5)
    x, y = torch.tensor(DIGITS.x_train, dtype=torch.float32), torch.tensor(DIGITS.y_train).long()
    models = [alone([64, 16, 16, 10]) for _ in range(networks)]
    orders = [torch.stack([torch.randperm(len(x)) for _ in models]) for _ in range(-(-steps // (len(x) // 64)))]
    for place, model in enumerate(models):
        optimizer = torch.optim.Adam(model.parameters(), 0.1)
        for step in range(steps):
            epoch, batch = divmod(step, len(x) // 64)
            rows = orders[epoch][place, batch * 64 : (batch + 1) * 64]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        shares = [float((model[:depth](x) <= 0).all(0).float().mean()) for depth in (1, 3)]
        np.testing.assert_allclose(found[place], shares, atol=1.01 / 16)  # rounding may tip a unit
    assert found.max() > 0.1


def alone(sizes):
    """Return a network with He's start as PyTorch draws it."""
    layers = []
    for pair in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(*pair), torch.nn.ReLU()]
    for layer in layers[::2]:
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(*layers[:-1])


def test_the_starts_have_the_variances_and_biases_of_ours():
    for name, bias, variance in (("he", None, 2 / 64), ("pytorch", None, 1 / (3 * 64)), ("he", 0.25, 2 / 64)):
        layers = rival._drawn([64, 200, 10], config.Init(name=name, bias=bias), networks=4)
        assert float(layers[0][0].detach().var()) == pytest.approx(variance, rel=0.05)
        hidden, output = (layer[1].detach().numpy() for layer in layers)
        if bias is not None:
            assert (hidden == bias).all()
            assert (output == 0).all()
        assert (hidden == 0).all() == (name == "he" and bias is None)


def test_every_epoch_is_a_permutation_of_each_network_without_its_remainder():
    train = config.Train(batch_size=4)
    rows = torch.stack(list(itertools.islice(rival._batches(10, train, networks=2), 4)))
    for epoch in (rows[:2], rows[2:]):
        seen = epoch.permute(1, 0, 2).reshape(2, 8)
        assert all(len(set(network.tolist())) == 8 for network in seen)


def test_means_within_three_standard_errors_agree_and_others_do_not():
    claims = experiments.find("published/pytorch").claims
    training = "adam_high"
    setting = {"model.widths": [64, 64, 64], "train.steps": 40, "probe.count": 2, "optimizer.name": "adam"}
    tables = relubench.sweep(setting | {"optimizer.learning_rate": 0.03}, {"seed": range(8)})
    runs = tables["runs"].with_columns(pl.lit(training).alias("factor.training"))
    level = [each for each in claims[0].conditions if each.label.startswith("Adam, rate .03, layer")]
    assert len(level) == 3
    judged = judge(claims, Tables(runs, tables["probes"], tables["layers"]), "published/pytorch")
    seen = judged.filter(pl.col("condition").is_in([each.label for each in level]))
    assert seen["verdict"].to_list() == ["passes"] * 3
    assert seen["published"].min() > 0
    assert judged.filter(pl.col("verdict") == "not measured").height == 30
    other = tables["layers"].with_columns(dead_train=(pl.col("dead_train") * 0.1).cast(pl.Int64))
    few = judge(claims, Tables(runs, tables["probes"], other), "published/pytorch")
    assert "fails" in few["verdict"]
