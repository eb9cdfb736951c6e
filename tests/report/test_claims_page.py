"""The page of claims: all of them with what decides them, and verdicts where there are results."""

import json
import re
from pathlib import Path

import polars as pl
import pytest

from relubench import experiments
from relubench.findings import words
from relubench.findings.claims import Claim, Condition, judge, mean_of
from relubench.report import claims_page
from relubench.sweeps import folders, storage
from tests.support.command_line import command

ROOT = Path(__file__).parents[2]
SMALL = (
    "seeds=6", "train.steps=60", "model.widths=[16]", "optimizer.name=sgd", "grid.optimizer.learning_rate=[.03,1.0]",
    "model.activation.name=relu",
)  # fmt: skip


def test_the_committed_page_is_that_of_the_committed_results():
    again = "python -m relubench.report.claims_page results/reference docs/claims.md"
    page = "\n".join(claims_page.lines(ROOT / "results/reference", ROOT / "docs"))
    assert (ROOT / "docs/claims.md").read_text() == page, again


def test_intervals_of_the_committed_results_hold_their_values():
    for path in sorted((ROOT / "results/reference").glob("*/claims.parquet")):
        rows = pl.read_parquet(path).drop_nulls(["value", "ci_low", "ci_high"])
        low, value, high = (rows[name] for name in ("ci_low", "value", "ci_high"))
        assert ((low <= value) & (value <= high)).all(), path.parent.name


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory):
    """Train one experiment at its smallest and report: the folder of results."""
    folder = tmp_path_factory.mktemp("reported")
    assert command(folder, "experiment=learning_rate", *SMALL)[0] == 0
    status, _, errors = command(folder, "report")
    assert status == 0, errors
    return folder / "results"


@pytest.fixture
def reported(trained_folder):
    """Return the page."""
    return (trained_folder / "claims.md").read_text()


def test_the_page_tells_every_claim_with_verdict_runs_and_command(trained_folder, reported):
    claims = pl.read_parquet(trained_folder / "report.parquet")
    assert {2, 3} <= set(claims["claim"])
    for row in claims.iter_rows(named=True):
        assert f"| {row['statement']} | {row['source']} | runs | {words.overall(row)} |" in reported
    assert "python -m relubench experiment=learning_rate" in reported
    assert "'model.widths=[16]'" in reported


def test_claims_without_results_are_on_the_page_as_not_measured(reported):
    for name in ("born_dead", "anatomy", "boundaries"):
        for claim in experiments.find(name).claims:
            assert f"### {claim.id}. {claim.statement}\n" in reported
    assert "| bibliography | holds |" in reported
    assert "| exact count | not measured |" in reported
    assert "To be measured: digits, 64×3, SGD; digits, 64×3, Adam;" in reported


def test_links_of_the_page_lead_to_figures(trained_folder, reported):
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", reported) if link != "definitions.md"]
    assert links
    assert not [link for link in links if not (trained_folder / link).exists()]


def test_each_statement_has_an_anchor_of_its_own_that_links_lead_to(reported):
    anchors = re.findall(r'<a id="([^"]+)">', reported)
    assert len(anchors) == len(set(anchors)) == reported.count("\n### ")
    assert set(re.findall(r"\]\(#([^)]+)\)", reported)) == set(anchors)


@pytest.fixture
def folder(tmp_path):
    """A folder with one claim of one's own, judged on hand-made runs."""
    runs = pl.DataFrame({"run_id": list("abcdefgh"), "seed": range(8), "test_loss": [1.0, 2, 3, 4, 5, 6, 7, 8]})
    conditions = (Condition("", mean_of("test_loss", {})), Condition("few", mean_of("test_loss", {"seed": [99]})))
    claim = Claim(id=1, statement="s | t", source="answer", statistic="x", conditions=conditions)
    table = judge([claim], folders.Tables(runs, pl.DataFrame(), pl.DataFrame()), "mine")
    storage.write_table(tmp_path / "mine/claims.parquet", table)
    (tmp_path / "mine/provenance.json").write_text(
        json.dumps({"name": "mine", "command": ["python"], "runs_in_grid": 8})
    )
    return tmp_path


def section(folder):
    page = "\n".join(claims_page.lines(folder, folder))
    return page, page[page.index("## mine:") :].split("\n## ")[0]


def test_verdicts_are_corrected_unless_the_p_values_are_of_an_older_method(folder):
    page, mine = section(folder)
    assert "corrected together (Holm 1979)" in page
    assert re.search(r"\| \*\*all runs\*\* \| 4.5 \[.*\] \| 8 \| holds \|\n", mine)
    assert "Not measured: few.\n" in mine
    path = folder / "mine/claims.parquet"
    storage.write_table(path, storage.read_table(path).drop("p_method"))
    assert "not corrected for their number" in section(folder)[0]


def test_tables_have_as_many_cells_in_every_row(folder):
    page, _ = section(folder)
    for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
        assert len({re.sub(r"\\\|", "", line).count("|") for line in table.splitlines()}) == 1


def test_statements_that_an_experiment_has_no_more_are_counted_and_not_shown(folder):
    (folder / "mine").rename(folder / "bias")
    told = json.dumps({"name": "bias", "command": ["python"], "runs_in_grid": 8})
    (folder / "bias/provenance.json").write_text(told)
    path = folder / "bias/claims.parquet"
    storage.write_table(path, storage.read_table(path))
    page = "\n".join(claims_page.lines(folder, folder))
    assert "also hold 2 conditions of an earlier version's claims" in page
    assert "s | t" not in page


def test_what_is_remarked_of_a_folder_stands_before_the_verdicts(folder):
    assert "Remarkable" not in section(folder)[0]
    (folder / "remarks.md").write_text("## Remarkable\n")
    page, _ = section(folder)
    assert page.index("## Remarkable") < page.index("## All of them")


def test_what_the_correction_took_away_and_accuracies_at_chance_are_told():
    row = {"verdict": "open", "verdict_alone": "holds", "at_chance": 0.5, "at_chance_low": 0.4, "at_chance_high": 0.6}
    row |= dict.fromkeys(("left_out", "n", "remark", "setting", "primary", "ci_low", "ci_high"))
    told = claims_page.condition(row | {"kind": "seeds", "condition": "c", "value": 0.25})
    assert told == "| c | 0.25; diverged runs at chance: 0.5 [0.4, 0.6] |  | open (alone: holds) |"


def test_a_claim_that_differs_between_settings_says_on_which_it_depends(folder):
    path = folder / "mine/claims.parquet"
    row = storage.read_table(path)[:1]
    settings = {"digits, SGD": 1e-9, "moons, SGD": 0.9, "digits, Adam": 1e-9}
    rows = [row.with_columns(setting=pl.lit(name), p=pl.lit(p)) for name, p in settings.items()]
    storage.write_table(path, pl.concat(rows))
    assert "*holds* in digits, SGD · digits, Adam; *open* in moons, SGD.\n" in section(folder)[1]
    storage.write_table(path, pl.concat(rows[::2]))
    assert "*holds* in" not in section(folder)[1]
