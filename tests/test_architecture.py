"""The way of the data: each folder or module imports those before it, and none after."""

import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import relubench
from relubench.report import architecture
from relubench.report.architecture import DOORS, ORDER, PACKAGE

PAGE = Path(__file__).parents[1] / "docs/architecture.md"


def test_every_part_has_its_place():
    modules, folders = PACKAGE.glob("*.py"), PACKAGE.glob("*/__init__.py")
    parts = {path.stem for path in modules} | {path.parent.name for path in folders}
    assert parts - set(DOORS) == set(ORDER)


def test_nothing_imports_what_comes_after_it():
    place = {name: n for n, name in enumerate(ORDER)}
    upward = [
        f"{path.relative_to(PACKAGE)} imports {imported}"
        for path, importer, imported in architecture.imports()
        if place[imported] > place[importer]
    ]
    assert upward == []


def test_no_module_hides_a_public_function():
    public = {name: getattr(relubench, name) for name in relubench.__all__}
    for module in pkgutil.walk_packages(relubench.__path__, "relubench."):
        if module.name != "relubench.__main__":
            importlib.import_module(module.name)
    for name, value in public.items():
        assert getattr(relubench, name) is value


def test_what_the_command_line_needs_to_start_imports_no_jax():
    loaded = (
        "from relubench import experiments; from relubench.cli import compose; from relubench.sweeps import folders"
    )
    heavy = "print(*(name for name in ('jax', 'flax', 'optax', 'matplotlib') if name in sys.modules))"
    code = f"import sys; {loaded}; experiments.find('bias').question; {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_page_shows_the_parts_as_they_import_each_other(tmp_path):
    shutil.copy(PAGE, tmp_path)
    architecture.write(tmp_path / PAGE.name)
    again = "python -m relubench.report.architecture docs/architecture.md"
    assert (tmp_path / PAGE.name).read_text() == PAGE.read_text(), again


def test_an_arrow_is_left_out_where_others_lead_there_and_none_else():
    """By brute force: what can be reached along the arrows is what the imports reach, and each arrow is needed."""
    arrows = re.findall(r"^    (\w+) --> (\w+)$", PAGE.read_text(), re.M)
    edges = {(imported, importer) for _, importer, imported in architecture.imports()}
    assert set(arrows) <= edges
    assert closure(arrows) == closure(edges)
    for arrow in arrows:
        assert closure(set(arrows) - {arrow}) != closure(arrows)


def closure(edges):
    """Return all pairs between which edges lead."""
    reached = set(edges)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    return reached
