"""Verification: the oracles and the published numbers beside ours."""

from relubench.report.verify.table import FILE, failed, find, keep, oracles, picked, read

__all__ = ["FILE", "failed", "find", "keep", "oracles", "picked", "read"]
