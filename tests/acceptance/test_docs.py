"""Every shell example of the docs runs, through bash, in one folder and in order; every Python example compiles."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Examples at full size: what they would do is planned instead of done.
PLANNED = re.compile(r"^python -m relubench(?! (plan|list|--cfg|merge|figures|-m|experiment=custom))")


def examples(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def commands(page):
    lines = [line for block in examples(page, "bash") for line in block.splitlines() if "python -m relubench" in line]
    return [PLANNED.sub("python -m relubench plan", line) for line in lines]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_shell_example_runs(page, tmp_path):
    script = "set -e\n" + "\n".join(commands(page))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiles in less time
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page, "python")], ids=lambda page: page.name)
def test_every_python_example_compiles(page):
    for code in examples(page, "python"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]
