"""python -m relubench.report.page RESULTS ANSWER.md PAGE.html: `make reference` keeps it as docs/report.html."""

from __future__ import annotations

import sys
from pathlib import Path

from relubench.report import page

if __name__ == "__main__":
    page.write(*map(Path, sys.argv[1:4]))
