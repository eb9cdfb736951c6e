"""The report: claims of several folders judged together, and the page with the answer."""

import re
from pathlib import Path

import polars as pl
import pytest

SMALL = (
    "seeds=6",
    "train.steps=60",
    "model.widths=[16]",
    "optimizer.name=sgd",
    "grid.optimizer.learning_rate=[.03,1.0]",
)


@pytest.fixture
def reported(relubench):
    """Train one experiment at its smallest and report: the page."""
    assert relubench("experiment=learning_rate", *SMALL, "model.activation.name=relu")[0] == 0
    status, told, errors = relubench("report")
    assert status == 0, errors
    assert "after Holm" in told
    return Path("results/answer.md").read_text()


def test_the_page_tells_every_claim_with_verdict_runs_and_command(reported):
    claims = pl.read_parquet("results/report.parquet")
    assert {2, 3, 23} <= set(claims["claim"])
    for statement, verdict in claims.select("statement", "claim_verdict").unique().rows():
        assert re.search(rf"\| {re.escape(statement)} \| {re.escape(verdict)} \|", reported)
    assert "python -m relubench experiment=learning_rate" in reported
    assert "'model.widths=[16]'" in reported


def test_links_of_the_page_lead_to_figures(reported):
    links = re.findall(r"\]\(([^)#]+)\)", reported)
    assert links
    assert not [link for link in links if not (Path("results") / link).exists()]


def test_each_statement_has_an_anchor_of_its_own_that_links_lead_to(reported):
    anchors = re.findall(r'<a id="([^"]+)">', reported)
    assert len(anchors) == len(set(anchors)) == 3
    assert set(re.findall(r"\]\(#([^)]+)\)", reported)) == set(anchors)


def test_a_folder_without_results_is_refused(relubench):
    status, _, errors = relubench("report", "out=nothing")
    assert status == 2
    assert "out=nothing: no folder there holds claims" in errors
