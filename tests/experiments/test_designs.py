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


PARTS = """\
# @package _global_
name: parts
factors: {world: {whole: "${world:moons}", some: "${world:interval,data,loss}"}}
"""


def test_a_design_takes_a_setting_whole_or_in_parts(own):
    own("parts", PARTS)
    whole, some = experiments.designs.levels("parts", "world").values()
    assert (whole.title, some.title) == ("moons, 16-16", "x sin 5x, 16-16")
    assert {"train.steps", "model.widths", "data.name"} <= set(whole.values)
    assert {key.partition(".")[0] for key in some.values} == {"data", "loss"}


def test_a_part_that_a_setting_lacks_is_refused_with_the_nearest(own, relubench):
    folder = own("parts", PARTS.replace("interval,data", "interval,dat"))
    status, _, error = relubench("plan", f"--config-dir={folder}", "experiment=parts")
    assert status == 2
    assert "unknown part of world interval 'dat'" in error
    assert "did you mean 'data'" in error
