"""Verification: the oracles and the published numbers beside ours."""

from relubench.verify.published import PUBLISHED, Published, compare
from relubench.verify.table import FILE, verify

__all__ = ["FILE", "PUBLISHED", "Published", "compare", "verify"]
