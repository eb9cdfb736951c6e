"""The page with the answer."""

import re
from pathlib import Path

import pytest
from PIL import Image

from relubench import experiments
from relubench.report import answer, answer_text, claims_page

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results/reference"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("answer") / "answer.md"
    answer.write(REFERENCE, path, strict=True)
    return path


def test_its_links_lead_to_the_claims(page):
    claims_page.write(REFERENCE, page.parent / "claims.md")
    links = re.findall(r"\]\(claims\.md#([^)]+)\)", page.read_text())
    assert len(links) > len(answer_text.SENTENCES)
    claims = (page.parent / "claims.md").read_text()
    headings = {line.lower().lstrip("# ").replace(" ", "-") for line in claims.splitlines() if line.startswith("#")}
    assert not [link for link in links if f'<a id="{link}">' not in claims and link not in headings]


def test_it_is_short_and_has_a_row_a_claim(page):
    text, _, _ = page.read_text().partition("## More")
    assert len(re.findall(r"\S*\w\S*", re.sub(r"\]\([^)]*\)", "]", text))) <= 1_500
    claimed = {
        claim.id for name in experiments.names() for claim in experiments.find(name).claims if claim.kind != "published"
    }
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| [^|]+ \| \[", text, re.MULTILINE)
    assert {int(row) for row in rows} == claimed == set(answer_text.SENTENCES)
    assert len(rows) == len(claimed)


def test_statements_of_one_sentence_are_told_apart(page):
    statements = {}
    for name in experiments.names():
        for claim in experiments.find(name).claims:
            if claim.kind != "published":
                statements.setdefault(claim.id, set()).add(claim.statement)
    several = set().union(*(each for each in statements.values() if len(each) > 1))
    assert several - set(answer_text.PARTS) == set()
    assert set(answer_text.PARTS) - set().union(*statements.values()) == set()


def test_each_finding_is_bold_and_has_a_chart(page):
    text = page.read_text()
    findings = re.findall(r"^### \d\. .+\n\n\*\*.+\*\* .+\n\n!\[.+\]\((.+)\)$", text, re.MULTILINE)
    assert findings
    assert findings == [f"answer/{place}.png" for place in range(1, len(findings) + 1)]
    for path in findings:
        with Image.open(page.parent / path) as chart:
            assert chart.width < 1_000  # small


def test_a_folder_without_results_is_refused(relubench):
    status, _, errors = relubench("report", "out=nothing")
    assert status == 2
    assert "out=nothing: no folder there holds claims" in errors
