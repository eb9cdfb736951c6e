"""The way of the data: each folder or module imports those before it, and none after."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import relubench

ROOT = Path(relubench.__file__).parent
#: From what everything stands on to the command line; those in one row do not know of each other.
ORDER = (
    "errors", "lazy", "checks", "magnitudes", "memory", "theory", "units", "config", "registry", "data", "nn", "optim",
    "run", "sweeps", "api", "findings", "plots", "experiments", "report", "cli",
)  # fmt: skip
#: They stand for the package: whoever imports them imports what they import when it is asked for.
DOORS = ("__init__", "__main__")


def imported(tree):
    """Yield the modules of ours that a module imports anywhere, but for what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imported(ast.Module(node.orelse, []))
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imported(node)


def part(name):
    """Return the folder or module of the package that a dotted name is in, None outside the package."""
    first, *rest = name.split(".")
    return rest[0] if first == "relubench" and rest else None


def edges():
    for path in sorted(ROOT.rglob("*.py")):
        ours = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if ours not in DOORS:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((path, ours, other) for name in imported(tree) if (other := part(name)) not in (None, ours))


def test_every_part_has_its_place():
    parts = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert parts - set(DOORS) == set(ORDER)


def test_nothing_imports_what_comes_after_it():
    place = {name: n for n, name in enumerate(ORDER)}
    upward = [
        f"{path.relative_to(ROOT)} imports {other}" for path, ours, other in edges() if place[other] > place[ours]
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
