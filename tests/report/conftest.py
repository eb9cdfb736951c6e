"""Results to report: a sweep over learning rates with some runs that diverge, and lines to move through."""

import pytest

from tests.conftest import hurry
from tests.support.command_line import command

RATES = (
    "experiment=learning_rate", "first_seed=0", "seeds=5", "train.steps=40", "model.widths=[16,16]", "probe.count=3",
    "factor.optimizer=[sgd]", "grid.optimizer.learning_rate=[.03,.3,3.0,1e38]", "grid.model.activation.name=[relu,elu]",
    "figures=false",
)  # fmt: skip
LINES = ("experiment=boundaries", "first_seed=0", "seeds=2", "train.steps=60", "probe.count=6", "figures=false")


@pytest.fixture(scope="session")
def results(tmp_path_factory, quick_options):
    """Train both and report: the folder of results, with report.html in it."""
    folder = tmp_path_factory.mktemp("page")
    with hurry(quick_options):
        for words in (RATES, LINES, ("report",)):
            status, _, errors = command(folder, *words)
            assert status == 0, errors
    return folder / "results"
