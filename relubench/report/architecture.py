"""The generated part of docs/architecture.md: the parts of the package, and what each stands on, from their imports.

python -m relubench.report.architecture docs/architecture.md
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from relubench.report import generated

PACKAGE = Path(__file__).parents[1]
#: The parts, folders and modules, from what everything stands on to the command line: each may import those before it.
ORDER = (
    "errors", "paths", "lazy", "checks", "magnitudes", "memory", "theory", "units", "sites", "config", "registry",
    "data", "nn", "optim", "run", "sweeps", "api", "findings", "plots", "experiments", "report", "cli",
)  # fmt: skip
#: They stand for the package: whoever imports them imports what they import when it is asked for.
DOORS = ("__init__", "__main__")


class Import(NamedTuple):
    """An import of another part of the package."""

    path: Path  # of the importing file
    importer: str
    imported: str


def imports() -> Iterator[Import]:
    """Yield every import of one part by another: local ones too, but not those that only type checkers see."""
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in DOORS:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parts = (_part(name) for name in _names(tree))
            yield from (Import(path, part, other) for other in parts if other not in (None, part))


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that some code imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _names(ast.Module(node.orelse, []))
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _names(node)


def _part(name: str) -> str | None:
    """Return the part of the package that a dotted name is in, None outside the package."""
    first, *rest = name.split(".")
    return rest[0] if first == PACKAGE.name and rest else None


def write(page: Path) -> None:
    """Write the generated part of a page anew."""
    generated.rewrite(page, "relubench.report.architecture", _lines())


def _lines() -> Iterator[str]:
    stands_on: dict[str, set[str]] = {part: set() for part in ORDER}
    for _, importer, imported in imports():
        stands_on[importer].add(imported)
    yield from ("```mermaid", "flowchart TD")
    yield from (f"    {part}" for part in ORDER)
    yield from (f"    {below} --> {part}" for part, parts in _reduced(stands_on).items() for below in parts)
    yield from ("```", "", "| part | holds |", "|---|---|")
    yield from (f"| [`{part}`]({_link(part)}) | {_first_sentence(part)} |" for part in ORDER)


def _reduced(stands_on: dict[str, set[str]]) -> dict[str, list[str]]:
    """Return what each part imports, but for what it has through another one that it imports."""
    through: dict[str, set[str]] = {}
    for part in ORDER:
        through[part] = stands_on[part].union(*(through[other] for other in stands_on[part]))
    return {
        part: [below for below in ORDER if below in parts and not any(below in through[other] for other in parts)]
        for part, parts in stands_on.items()
    }


def _link(part: str) -> str:
    return f"../{PACKAGE.name}/{part}{'' if (PACKAGE / part).is_dir() else '.py'}"


def _first_sentence(part: str) -> str:
    """Return the first line of a part's documentation."""
    path = PACKAGE / part / "__init__.py" if (PACKAGE / part).is_dir() else PACKAGE / f"{part}.py"
    documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return documentation.splitlines()[0].replace("|", "\\|")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
