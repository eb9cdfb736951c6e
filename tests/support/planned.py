"""Grids laid out on this machine, as the engine takes them."""

from relubench import config, data
from relubench.sweeps import factors, grid, layout, machine


def layouts(setting, varied=None, levels=(), **engine):
    """Return the layouts of a grid: dotted keys of `setting` over the defaults, lists of `varied` crossed.

    So is a factor of these `levels`, each some dotted keys.
    """
    prepared = machine.make_machine(config.Engine(**engine))
    named = {f"level_{n}": config.nested(level) for n, level in enumerate(levels)}
    design = factors.parse({"case": named} if named else {})
    runs = grid.build(config.over_defaults(setting), varied or {}, design)
    return layout.lay_out(runs, data.loader(None), prepared)
