"""The page holds what the tables hold, loads nothing, and goes without what it lacks."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from relubench.report import page
from relubench.report.claims_page import anchor
from relubench.report.page import packing, tables
from tests.support.command_line import command

ROOT = Path(__file__).parents[2]
MOST_BYTES = 5_000_000


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and the text of those that have an id."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self._id = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id")

    def handle_data(self, data):
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data


@pytest.fixture(scope="module")
def elements(results):
    return Elements((results / "report.html").read_text())


@pytest.fixture(scope="module")
def numbers(elements):
    return {study["name"]: study for study in packing.unpacked(elements.texts["numbers"])["studies"]}


def test_the_page_loads_nothing_and_forbids_to(elements):
    for tag, attributes in elements.found:
        for name in ("src", "srcset", "href", "data", "poster", "action"):
            link = attributes.get(name) or ""
            assert tag == "a" or link.startswith(("data:", "#")) or not link, (tag, link)
    (policy,) = (each["content"] for tag, each in elements.found if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_links_lead_to_what_is_on_the_page(results, elements):
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    inside = [each["href"][1:] for tag, each in elements.found if tag == "a" and each.get("href", "").startswith("#")]
    assert set(inside) <= set(ids)
    statements = pl.read_parquet(results / "report.parquet").filter(pl.col("kind") != "published").iter_rows(named=True)
    assert {anchor(row) for row in statements} <= set(inside)  # from the table of sentences


def at(table, place):
    """Return the values of one point of a table, by the names of their columns."""
    return {each["key"]: each["values"][each["at"][place]] for each in table["dimensions"]}


def short(value):
    return None if value is None else pytest.approx(value, rel=6e-4)


def test_every_number_of_the_summary_is_on_the_page(results, numbers):
    summary = pl.read_parquet(results / "learning_rate/summary.parquet")
    table = numbers["learning_rate"]["tables"][0]
    assert {"optimizer.learning_rate", "model.activation.name"} == set(at(table, 0))
    for metric in ("dead_train_fraction", "test_accuracy", "train_loss", "diverged"):
        rows = summary.filter(pl.col("metric") == metric)
        of_metric = table["metrics"][metric]
        assert len(of_metric["mean"]) == rows.height == 8
        for place in range(8):
            (row,) = rows.filter(*(pl.col(key) == value for key, value in at(table, place).items())).to_dicts()
            names = {"mean": "mean", "low": "ci_low", "high": "ci_high"}
            assert [of_metric[name][place] for name in names] == [short(row[column]) for column in names.values()]
            assert of_metric["n"][place] == row["n"]
            assert {name: lost[place] for name, lost in table["lost"].items()} == {
                "diverged": row["n_diverged"], "collapsed": row["n_collapsed"],
            }  # fmt: skip


def test_every_runs_value_is_on_the_page(results, numbers):
    runs = pl.read_parquet(results / "learning_rate/runs.parquet").sort("seed")
    table = numbers["learning_rate"]["tables"][0]
    assert 0 < runs["diverged"].sum() < runs.height
    for place in range(8):
        here = runs.filter(*(pl.col(key) == value for key, value in at(table, place).items()))
        assert table["seeds"][place] == here["seed"].to_list() == list(range(5))
        for metric in ("dead_train_fraction", "test_accuracy"):
            values = [None if step is None else step / tables.STEPS for step in table["metrics"][metric]["runs"][place]]
            assert values == pytest.approx(here[metric].to_list(), abs=0.51 / tables.STEPS)


def test_curves_and_the_explorers_layers_are_those_of_the_probes(results, numbers):
    layers = pl.read_parquet(results / "learning_rate/layers.parquet")
    runs = pl.read_parquet(results / "learning_rate/runs.parquet")
    study = numbers["learning_rate"]
    explorer = study["explorer"]
    picked = {each["title"]: each for each in explorer["picks"]}
    assert [picked[name]["titles"] for name in ("data", "widths", "optimiser", "activation")] == [
        ["digits"], ["16-16"], ["SGD"], ["ReLU", "ELU"],
    ]  # fmt: skip
    point = at(study["tables"][0], 2)
    assert explorer["rates"][2] == point["optimizer.learning_rate"]
    here = runs.filter(*(pl.col(key) == value for key, value in point.items()), ~pl.col("diverged"))
    assert here.height
    counted = layers.filter(pl.col("run_id").is_in(here["run_id"].implode()), pl.col("layer") == 2).sort("step")
    shares = counted.group_by("step", maintain_order=True).agg(pl.col("dead_train").mean() / 16)
    assert explorer["steps"][2] == shares["step"].to_list()
    assert explorer["layers"][2][1] == [short(share) for share in shares["dead_train"]]


def test_the_animation_has_the_lines_of_the_first_run(results, numbers):
    measures = pl.read_parquet(results / "boundaries/measures.parquet")
    runs = pl.read_parquet(results / "boundaries/runs.parquet").filter(pl.col("factor.bias") == "trained").sort("seed")
    drawn = numbers["boundaries"]["animation"]
    bias = measures.filter(pl.col("run_id") == runs["run_id"][0], pl.col("measure") == "plane_bias").sort(
        "step", "item"
    )
    assert [probe["step"] for probe in drawn["probes"]] == bias["step"].unique().sort().to_list()
    last = bias.filter(pl.col("step") == 60)["value"].to_list()
    assert drawn["probes"][-1]["b"] == [short(value) for value in last]
    assert sum(drawn["probes"][-1]["dead"]) == runs["dead_train"][0]
    assert len(drawn["x"]) == 320


def test_every_claim_is_listed_with_its_verdict(results, elements):
    claims = pl.read_parquet(results / "report.parquet")
    listed = [each for tag, each in elements.found if "data-verdict" in each]
    assert len(listed) == claims.select("claim", "statement", "statistic").n_unique()
    verdicts = claims.unique(["claim", "statement", "statistic"])["claim_verdict"].value_counts().rows()
    assert verdicts
    for verdict, count in verdicts:
        assert [each["data-verdict"] for each in listed].count(verdict) == count


def test_a_folder_merged_before_there_were_values_is_shown_without(results, tmp_path):
    root = shutil.copytree(results, tmp_path / "results")
    (root / "learning_rate/values.parquet").unlink()
    page.write(root, root / "answer.md", root / "report.html")
    packed = Elements((root / "report.html").read_text()).texts["numbers"]
    (study,) = (each for each in packing.unpacked(packed)["studies"] if each["name"] == "learning_rate")
    assert study["tables"][0]["seeds"] is None
    assert "runs" not in study["tables"][0]["metrics"]["test_accuracy"]


def test_a_damaged_file_of_values_is_named(results, tmp_path):
    root = shutil.copytree(results, tmp_path / "results")
    path = root / "boundaries/values.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    status, _, errors = command(tmp_path, "report")
    assert status == 2
    assert re.fullmatch(r"relubench: .*boundaries/values.parquet: it cannot be read .*\n", errors)


def test_without_the_extra_a_line_says_how_to_get_the_page_and_the_rest_is_there(results, tmp_path, monkeypatch):
    shutil.copytree(results, tmp_path / "results")
    for name in ("report.html", "answer.md"):
        (tmp_path / "results" / name).unlink()
    monkeypatch.setattr(page, "_PACKAGES", ("jinja2", "no_such_package"))
    status, out, _ = command(tmp_path, "report")
    assert status == 0
    assert "note: report.html takes no_such_package: pip install 'relubench[report]'\n" in out
    assert (tmp_path / "results/answer.md").exists()
    assert not (tmp_path / "results/report.html").exists()


def test_the_committed_results_make_a_page_of_less_than_five_megabytes(tmp_path):
    page.write(ROOT / "results/reference", ROOT / "docs/answer.md", tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < MOST_BYTES
