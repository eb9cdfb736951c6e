"""The report: claims of several folders judged together, and the page with the answer."""

import json
import re

import polars as pl
import pytest

from relubench.findings import words
from relubench.findings.claims import Claim, Condition, judge, mean_of
from relubench.report import answer
from relubench.sweeps import folders, storage
from tests.support.command_line import command

SMALL = (
    "seeds=6",
    "train.steps=60",
    "model.widths=[16]",
    "optimizer.name=sgd",
    "grid.optimizer.learning_rate=[.03,1.0]",
)


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    """Train one experiment at its smallest and report: the folder of results."""
    folder = tmp_path_factory.mktemp("reported")
    assert command(folder, "experiment=learning_rate", *SMALL, "model.activation.name=relu")[0] == 0
    status, _, errors = command(folder, "report")
    assert status == 0, errors
    return folder / "results"


@pytest.fixture
def reported(trained_folder):
    """Return the page."""
    return (trained_folder / "answer.md").read_text()


def test_the_page_tells_every_claim_with_verdict_runs_and_command(trained_folder, reported):
    claims = pl.read_parquet(trained_folder / "report.parquet")
    assert {2, 3, 23} <= set(claims["claim"])
    for row in claims.iter_rows(named=True):
        assert f"| {row['statement']} | {words.overall(row)} |" in reported
    assert "python -m relubench experiment=learning_rate" in reported
    assert "'model.widths=[16]'" in reported


def test_links_of_the_page_lead_to_figures(trained_folder, reported):
    links = re.findall(r"\]\(([^)#]+)\)", reported)
    assert links
    assert not [link for link in links if not (trained_folder / link).exists()]


def test_each_statement_has_an_anchor_of_its_own_that_links_lead_to(reported):
    anchors = re.findall(r'<a id="([^"]+)">', reported)
    assert len(anchors) == len(set(anchors)) == 3
    assert set(re.findall(r"\]\(#([^)]+)\)", reported)) == set(anchors)


def test_a_folder_without_results_is_refused(relubench):
    status, _, errors = relubench("report", "out=nothing")
    assert status == 2
    assert "out=nothing: no folder there holds claims" in errors


@pytest.fixture
def folder(tmp_path):
    """A folder with one claim, judged on hand-made runs."""
    runs = pl.DataFrame({"run_id": list("abcdefgh"), "seed": range(8), "test_loss": [1.0, 2, 3, 4, 5, 6, 7, 8]})
    judged = Claim(
        id=1, statement="s", source="answer", statistic="x", conditions=(Condition("", mean_of("test_loss", {})),)
    )
    table = judge([judged], folders.Tables(runs, pl.DataFrame(), pl.DataFrame()), "bias")
    storage.write_table(tmp_path / "bias/claims.parquet", table)
    told = {"name": "bias", "command": ["python"], "runs_in_grid": 8}
    (tmp_path / "bias/provenance.json").write_text(json.dumps(told))
    return tmp_path


def written(folder):
    answer.write(folder, folder / "answer.md")
    return (folder / "answer.md").read_text()


def test_verdicts_are_corrected_unless_the_p_values_are_of_an_older_method(folder):
    page = written(folder)
    assert "corrected together (Holm 1979)" in page
    assert "| s | holds: holds in 1 of 1 setting | 1 holds |" in page
    path = folder / "bias/claims.parquet"
    storage.write_table(path, storage.read_table(path).drop("p_method"))
    older = written(folder)
    assert "not corrected for their number" in older
    assert re.search(r"\| all runs \| 4.5 \[.*\] \| 8 \| holds \|\n", older)
    for told in (page, older):
        tables = [line.count("|") for line in told.splitlines() if line.startswith("|")]
        assert tables == [5, 5, 5, 5, 5, 5]  # title, rule and row of two tables


def test_what_is_remarked_of_a_folder_stands_before_the_verdicts(folder):
    assert "Remarkable" not in written(folder)
    (folder / "remarks.md").write_text("## Remarkable\n")
    page = written(folder)
    assert page.index("## Remarkable") < page.index("## In short")
