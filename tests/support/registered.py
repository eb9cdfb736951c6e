"""What a test's own modules register, forgotten after it."""

import contextlib
import sys

from relubench import config, experiments
from relubench.registry import Registry


@contextlib.contextmanager
def forgetting():
    """Forget afterwards what was imported, and registered, in between."""
    registries = {
        id(value): value
        for module in list(sys.modules.values())
        if module.__name__.startswith("relubench")
        for value in vars(module).values()
        if isinstance(value, Registry)
    }
    tables = [config.KEYS, config.SETTING_KEYS, config.CHOICES, experiments.MODULES]
    tables += [held for registry in registries.values() for held in vars(registry).values() if isinstance(held, dict)]
    before = [(table, dict(table)) for table in tables]
    readers = [(key.readers, set(key.readers)) for key in config.KEYS.values()]
    choices, modules = {name: list(names) for name, names in config.CHOICES.items()}, set(sys.modules)
    try:
        yield
    finally:
        for table, content in [*before, *readers]:
            table.clear()
            table.update(content)
        config.CHOICES.update(choices)
        for name in [name for name in sys.modules if name not in modules and name.startswith("my_")]:
            del sys.modules[name]
