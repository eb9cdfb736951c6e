"""Every shell example of the docs runs, as bash reads it, in one folder and in order; every Python example compiles."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import write_files
from tests.support.registered import forgetting

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Whose shell examples take what other commands write: test_watch_page.py and test_scale_page.py run all of them.
ELSEWHERE = {"watch.md", "scale.md"}
#: Examples at full size: what they would do is planned instead of done.
PLANNED = re.compile(r"^python -m relubench(?! (plan|list|--cfg|merge|again|figures|compare|-m|experiment=custom))")


def examples(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def commands(page):
    lines = [line for block in examples(page, "bash") for line in block.splitlines() if "python -m relubench" in line]
    return [PLANNED.sub("python -m relubench plan", line) for line in lines]


#: In place of Python: writes down its arguments, each ended by a NUL, in the order of the calls.
NOTING = """#!/bin/bash
printf '%s\\0' "$#" "$@" >> "$NOTED"
"""


def as_bash_reads(lines, folder):
    """Return the arguments of each call of `python` in a script."""
    (folder / "python").write_text(NOTING)
    (folder / "python").chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "NOTED": str(folder / "noted")}
    done = subprocess.run(
        ["bash", "-c", "set -e\n" + "\n".join(lines)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    noted, calls = iter((folder / "noted").read_text().split("\0")[:-1]), []
    for count in noted:
        calls.append([next(noted) for _ in range(int(count))])
    return calls


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in ELSEWHERE and commands(page)], ids=lambda page: page.name
)
def test_every_shell_example_runs(page, relubench, tmp_path, tmp_path_factory):
    if any("hydra/sweeper=optuna" in line for line in commands(page)):
        pytest.importorskip("optuna", reason="extra optuna")
    write_files(page, tmp_path)
    with forgetting():
        run_examples(page, relubench, tmp_path_factory)


def run_examples(page, relubench, tmp_path_factory):
    calls = as_bash_reads(commands(page), tmp_path_factory.mktemp("bash"))
    assert len(calls) == len(commands(page))
    for call in calls:
        assert call[:2] == ["-m", "relubench"]
        status, _, errors = relubench(*call[2:])
        assert status == 0, errors


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page, "python")], ids=lambda page: page.name)
def test_every_python_example_compiles(page):
    for code in examples(page, "python"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    links = re.findall(r"\]\((?!http)([^)#]+)", prose)
    assert not [link for link in links if not (page.parent / link).exists()]
