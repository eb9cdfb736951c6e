"""The page with the answer."""

import re
from pathlib import Path

from relubench.report import answer, claims_page

REFERENCE = Path(__file__).parents[2] / "results/reference"


def test_its_links_lead_to_the_claims(tmp_path):
    answer.write(REFERENCE, tmp_path / "answer.md")
    claims_page.write(REFERENCE, tmp_path / "claims.md")
    links = re.findall(r"\]\(claims\.md#([^)]+)\)", (tmp_path / "answer.md").read_text())
    assert links
    claims = (tmp_path / "claims.md").read_text()
    assert not [link for link in links if f'<a id="{link}">' not in claims]


def test_a_folder_without_results_is_refused(relubench):
    status, _, errors = relubench("report", "out=nothing")
    assert status == 2
    assert "out=nothing: no folder there holds claims" in errors
