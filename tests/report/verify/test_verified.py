"""verify.parquet: kept, read from an older relubench, printed with its remarks."""

import io
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from relubench.errors import UserError
from relubench.findings.claims.judgement import SCHEMA
from relubench.report import verify
from relubench.report.verdicts import print_verdicts
from relubench.report.verify.words import depths
from relubench.sweeps import storage

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


@pytest.fixture(scope="module")
def reference():
    """The committed table."""
    return verify.find(REFERENCE)


def rows(*given, **shared):
    return pl.DataFrame([{"kind": "published", **shared, **row} for row in given], SCHEMA, orient="row")


def test_the_committed_table_has_the_columns_and_verdicts_of_now(reference):
    assert reference.schema == pl.Schema(SCHEMA)
    assert reference.group_by("kind").len().sort("kind").rows() == [("oracle", 7), ("published", 150)]
    assert set(reference.filter(pl.col("kind") == "oracle")["verdict"]) == {"holds"}
    published = reference.filter(pl.col("kind") == "published")
    assert set(published["verdict"]) == {"passes", "not comparable"}
    assert not verify.failed(reference)
    worse = pl.when(pl.col("condition") == "bias 0.01").then(pl.lit("fails")).otherwise("verdict")
    assert verify.failed(reference.with_columns(verdict=worse))


def test_judgements_of_before_there_were_ratios_are_told_as_now(tmp_path):
    effects = {"effect": 0.1, "reduced": "x", "published": 0.5, "value": 0.25}
    old = [
        {"verdict": "holds", "published": 0.5, "value": 0.5},
        {"verdict": "does not hold", "published": 0.0, "value": 0.5},
        *({"verdict": verdict, **effects} for verdict in ("holds", "does not hold", "open", "not decided")),
    ]
    table = rows(*old).drop("ratio", "error", "remark")
    storage.write_table(tmp_path / verify.FILE, table)
    read = verify.read(tmp_path / verify.FILE)
    assert read["verdict"].to_list() == ["passes", "fails", *["not comparable"] * 4]
    directions = ["same direction", "other direction", "direction open", "direction open"]
    assert read["remark"].to_list() == [None, None, *directions]
    assert read["ratio"].to_list() == [1.0, None, *[0.5] * 4]


def test_a_table_takes_the_place_of_the_rows_it_has(tmp_path):
    storage.write_table(tmp_path / verify.FILE, rows({"claim": 2, "n": 1}, {"claim": 3, "n": 1}))
    verify.keep(tmp_path, rows({"claim": 2, "n": 5}))
    assert verify.read(tmp_path / verify.FILE).select("claim", "n").rows() == [(2, 5), (3, 1)]


def test_rows_pick_experiments_and_others_are_refused():
    assert verify.picked([3, 5]) == ["published/born_biased", "published/dispersion"]
    assert verify.picked([16]) == verify.picked([15]) == ["published/permuted"]  # an experiment on three rows
    assert verify.picked([9]) == ["published/slow_bits", "published/permuted"]
    assert len(verify.picked([])) == 18
    with pytest.raises(UserError, match=r"verify 18: it takes rows of published numbers: 1, 2, 3, .*, 16, 17"):
        verify.picked([3, 18])


def test_a_row_is_trained_and_judged_as_its_experiment_is(relubench):
    words = ("seeds=6", "first_seed=0", "model.widths=[2]", "data.examples=20", "figures=false")
    for _ in range(2):
        status, told, errors = relubench("verify", "3", *words)
        assert (status, errors) == (0, "")
    assert "24 of 24 runs are on disk already" in told
    table = verify.read(Path("results/published") / verify.FILE)
    assert table.select("claim", "condition", "verdict", "n").rows() == [
        (3, f"bias {bias}", "not comparable", 6) for bias in ("0", "0.01", "0.1", "1")
    ]
    assert set(table["reduced"]) == {"other data.examples, model.widths; 6 of 20,000 seeds"}
    claims = storage.read_table(Path("results/published/born_biased/claims.parquet"))
    assert claims.select("condition", "verdict").equals(table.select("condition", "verdict"))


def test_numbers_are_printed_beside_the_published_ones_with_ratio_and_judgement(reference):
    out = io.StringIO()
    some = reference.filter((pl.col("kind") == "oracle") | pl.col("claim").is_in([1, 7]))
    print_verdicts(some, Console(file=out, width=250))
    told = " ".join(out.getvalue().split())
    assert "bias 0" not in told
    assert "~ 0.6 ± 0.05 0.581 [0.572, 0.59] 0.968 20,000 passes" in told
    assert "oracle 1 dead iff max w.x <= -b over the inputs" in told
    assert "row 1: data and size of the source. Full size: python -m relubench verify 1 size=full" in told
    assert "rate 3e-2: same direction: less rate 1e-2 0.111 [0.0852, 0.141]" in told


def test_the_depth_of_the_source_is_found_from_which_relations_hold():
    stated = [("width 2", ">", 0.9), ("width 3", "~", 0.6)]
    born = [("width 2", 10, 0.88), ("width 3", 10, 0.58), ("width 2", 11, 0.91), ("width 3", 11, 0.63)]
    table = rows(
        *({"condition": name, "relation": relation, "published": value} for name, relation, value in stated),
        *(
            {"condition": f"{name}, {layers} affine layers", "ci_low": value - 1e-4, "ci_high": value + 1e-4}
            for name, layers, value in born
        ),
        claim=1,
        rounding=0.05,
    )
    assert depths(table).endswith("10 affine layers: all but width 2; 11 affine layers: all.")
    assert depths(table.clear()) == ""
