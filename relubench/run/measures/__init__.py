"""Measures: what the probes of a run record, one idea a file; each registers itself with the recorder."""
