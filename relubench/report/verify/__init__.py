"""Verification: the oracles and the published numbers beside ours."""

from relubench.report.verify.published import PUBLISHED, Published, compare
from relubench.report.verify.table import FILE, VERIFY_AGAIN, verify

__all__ = ["FILE", "PUBLISHED", "VERIFY_AGAIN", "Published", "compare", "verify"]
