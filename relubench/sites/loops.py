"""What versions of JAX say differently of a scan."""

from __future__ import annotations

from relubench.sites.graph import Node


def sizes(node: Node) -> tuple[int, int]:
    """Return how many operands of a scan are fixed, and how many are carried from turn to turn."""
    if "num_consts" in node.params:
        return node.params["num_consts"], node.params["num_carry"]
    fixed, carried, _ = map(len, node.params["ft_in"].unpack())
    return fixed, carried
