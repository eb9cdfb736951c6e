"""The designs of experiments, read from YAML files without Hydra."""

import pytest

from relubench import experiments
from relubench.errors import UserError

EXTENDED = """\
# @package _global_
defaults:
  - /experiment/bias
  - _self_
name: extended
seeds: 3
factors: {bias: {none: {title: without}}}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write experiment/NAME.yaml on the import path."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "experiment").mkdir()

    def write(name, text):
        (tmp_path / "experiment" / f"{name}.yaml").write_text(text)
        return tmp_path

    return write


def test_one_in_the_defaults_list_is_what_the_file_begins_with_as_in_hydra(own, relubench):
    folder = own("extended", EXTENDED)
    extended, bias = experiments.design("extended"), experiments.design("bias")
    (of_bias, of_extended) = (
        next({level.name: level.title for level in factor.levels} for factor in of.factors if factor.name == "bias")
        for of in (bias, extended)
    )
    assert of_extended == of_bias | {"none": "without"}
    assert extended.seeds == 3
    assert extended.runs * bias.seeds == bias.runs * 3
    _, planned, _ = relubench("plan", f"--config-dir={folder}", "experiment=extended")
    assert f"runs {extended.runs} (" in " ".join(planned.split())


@pytest.mark.parametrize(
    "bases", ["[/experiment/nosuch]", "[{/data: digits}]", "[/experiment/mine, _self_]", "[_self_, bias]"]
)
def test_other_defaults_are_refused(own, bases):
    own("mine", f"# @package _global_\ndefaults: {bases}\nname: mine\n")
    with pytest.raises(
        UserError, match=r"mine\.yaml: defaults=.* it takes other experiments, such as /experiment/bias"
    ):
        experiments.design("mine")
