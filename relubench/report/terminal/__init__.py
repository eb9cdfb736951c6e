"""What a run ends with on the terminal: a short table, what it leaves out, and the finding in a sentence."""

from relubench.report.terminal.table import print_table

__all__ = ["print_table"]
