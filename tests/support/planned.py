"""Grids laid out on this machine, as the engine takes them."""

from relubench import config, data
from relubench.sweeps import grid, layout, machine


def layouts(setting, varied=None, **engine):
    """Return the layouts of a grid: dotted keys of `setting` over the defaults, lists of `varied` crossed."""
    prepared = machine.make_machine(config.Engine(**engine))
    return layout.lay_out(grid.build(config.over_defaults(setting), varied or {}), data.loader(None), prepared)
