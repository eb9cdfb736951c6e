"""An experiment of one's own: a package as ours are, or a module, found by the name under which it is registered."""

import pytest

from relubench import experiments
from relubench.errors import UserError
from tests.support.registered import forgetting


@pytest.fixture
def registered(tmp_path, monkeypatch):
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package/__init__.py").write_text('"""Is it so?"""\n\nMINUTES = 2\n')
    (tmp_path / "my_package/metrics.py").write_text("CURVES = ('test_loss',)\n")
    (tmp_path / "my_package/figures.py").write_text("def figures(frames):\n    return ['drawn']\n")
    (tmp_path / "my_module.py").write_text('"""And so?"""\n\nDERIVED = (len,)\n')
    monkeypatch.syspath_prepend(tmp_path)
    with forgetting():
        for name in ("my_package", "my_module"):
            experiments.register(name, name)
        yield


def test_a_package_and_a_module_have_the_same_parts(registered):
    package, module = experiments.find("my_package"), experiments.find("my_module")
    assert (package.question, package.minutes, package.claims, package.curves) == ("Is it so?", 2, (), ("test_loss",))
    assert package.figures(None) == ["drawn"]
    assert (module.question, module.claims, module.derived) == ("And so?", (), (len,))


def test_one_without_figures_is_drawn_as_a_custom_one(registered):
    custom = experiments.find("custom")
    for name in ("my_module", "known_by_its_yaml_file"):
        found = experiments.find(name)
        assert (found.figures, found.curves) == (custom.figures, custom.curves)


def test_a_name_is_registered_once(registered):
    with pytest.raises(UserError, match="experiment=my_module: both my_module and my_package are registered"):
        experiments.register("my_module", "my_package")
    experiments.register("my_module", "my_module")


def test_titles_of_what_is_not_there_are_refused():
    with pytest.raises(UserError, match=r"no folder of the import path has experiment/nosuch\.yaml"):
        experiments.designs.titles("nosuch", "rate")
    with pytest.raises(UserError, match="unknown factor of experiment=bias 'bais': it takes one of bias"):
        experiments.designs.titles("bias", "bais")
