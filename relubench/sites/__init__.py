"""The units of any JAX function: its activations are found in what it does, and counted while it does it."""

from relubench.sites.table import census
from relubench.sites.watching import Site, Sites, watch

__all__ = ["Site", "Sites", "census", "watch"]
