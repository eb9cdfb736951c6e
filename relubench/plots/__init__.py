"""Figures from frames, one kind a file. Every frame has columns mean, ci_low, ci_high beside its keys."""
