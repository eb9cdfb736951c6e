"""Verification: the oracles and published numbers beside measured ones."""

from relubench.report.verify.verified import FILE, failed, find, keep, oracles, picked, read

__all__ = ["FILE", "failed", "find", "keep", "oracles", "picked", "read"]
