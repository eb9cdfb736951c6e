"""The page of published numbers: that of the committed table, and what each row tells."""

from pathlib import Path

import polars as pl

from relubench.findings.claims.judgement import SCHEMA
from relubench.report import published, verify
from relubench.sweeps import storage

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/published.md"


def test_the_page_is_that_of_the_committed_table(tmp_path):
    published.write(ROOT / "results/reference", tmp_path / PAGE.name)
    again = "python -m relubench.report.published results/reference docs/published.md"
    assert (tmp_path / PAGE.name).read_text() == PAGE.read_text(), again


def written(tmp_path, *rows):
    """Return the page of a table with these rows."""
    shared = {"kind": "published", "claim": 3, "source": "S", "statement": "on |x|", "statistic": "share", "n": 1000}
    shared |= {"relation": "=", "rounding": 0.005, "error": 0.0, "note": "tried twice", "value": 0.4, "published": 0.8}
    table = pl.DataFrame([shared | row for row in rows], SCHEMA, orient="row")
    storage.write_table(tmp_path / verify.FILE, table)
    published.write(tmp_path, tmp_path / "page.md")
    return (tmp_path / "page.md").read_text()


def test_a_row_has_source_setting_both_numbers_ratio_and_judgement(tmp_path):
    page = written(tmp_path, {"condition": "a", "verdict": "fails", "ratio": 0.5, "ci_low": 0.39, "ci_high": 0.41})
    assert r"| S | on \|x\|: share | a | 0.8 ± 0.005 | 0.4 [0.39, 0.41] | 1,000 | 0.5 | fails |  |" in page
    assert "| [3](#row-3) | S |  | 1 |  |  |  |" in page
    assert "S: *Fails*: a. Tried twice.\n" in page


def test_what_is_not_comparable_has_its_reason_and_the_direction_beside(tmp_path):
    apart = {"verdict": "not comparable", "reduced": "other data", "ratio": 0.5}
    page = written(
        tmp_path,
        {"condition": "a", **apart, "remark": "same direction", "reference": "b", "effect": 0.1},
        {"condition": "b", **apart},
        {"condition": "c", "verdict": "not measured", "remark": "needs PyTorch", "value": None, "n": None},
        {"condition": "d", "verdict": "passes", "note": ""},
    )
    assert "| a | 0.8 ± 0.005 | 0.4 in 1,000 runs | 1,000 | 0.5 | not comparable | same direction: less b 0.1 |" in page
    assert "|  |  | b | 0.8 ± 0.005 | 0.4 in 1,000 runs | 1,000 | 0.5 | not comparable |  |" in page
    assert "|  |  | c | 0.8 ± 0.005 |  |  |  | not measured | needs PyTorch |" in page
    assert page.count("S: ") == 1
    assert "S: *Not comparable*: other data. Tried twice.\n" in page


def test_without_a_table_there_is_no_page(tmp_path):
    published.write(tmp_path, tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()
