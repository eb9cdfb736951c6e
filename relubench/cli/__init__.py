"""The command line: Hydra composes, verbs do the work, and nothing else prints."""

from relubench.cli.main import main, process

__all__ = ["main", "process"]
