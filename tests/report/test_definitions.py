"""The page of definitions lists what the tables hold."""

import shutil
from pathlib import Path

from relubench.report import definitions

PAGE = Path(__file__).parents[2] / "docs/definitions.md"


def test_the_generated_part_of_the_page_is_that_of_the_columns_and_measures(tmp_path):
    shutil.copy(PAGE, tmp_path)
    definitions.write(tmp_path / PAGE.name)
    again = "python -m relubench.report.definitions docs/definitions.md"
    assert (tmp_path / PAGE.name).read_text() == PAGE.read_text(), again
