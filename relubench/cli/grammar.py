"""One word of a command line, as Hydra's grammar has it: KEY=VALUE, and the values that it sets or sweeps over."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from relubench.config import KEYS
from relubench.errors import UserError, shown
from relubench.experiments.designs import MOST_LISTED

#: Sweeps over values that aren't written out.
OPEN_SWEEPS = (ValueType.GLOB_CHOICE_SWEEP, ValueType.INTERVAL_SWEEP)


def read(text: str) -> tuple[str, Override]:
    """Return an override as Hydra's grammar takes it, and what it says."""
    try:
        return text, parse(text)
    except UserError:
        text = _quoted(text)
        return text, parse(text)


def parse(text: str) -> Override:
    """Return what an override says; one that is none is refused."""
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, ValueError, ArithmeticError, RecursionError) as error:  # of numbers too long to be read
        raise UserError(f"{shown(text)} cannot be read as KEY=VALUE: {one_line(error)}") from error


def values(override: Override) -> Iterator[Any]:
    """Yield the values that an override sets or sweeps over; of a range the first two and the last."""
    sweep: Any = override.value()
    if override.value_type is ValueType.RANGE_SWEEP:
        start, stop, step = (float(number or 0) for number in (sweep.start, sweep.stop, sweep.step))
        length = (stop - start) / step if step else math.nan
        if not 0 < length <= MOST_LISTED:
            raise UserError(
                f"{shown(override.input_line)}: it takes a range of one to {MOST_LISTED:,} values; seeds=N, of any N, "
                "makes no list"
            )
        places = dict.fromkeys([0, min(1, math.ceil(length) - 1), math.ceil(length) - 1])
        yield from (sweep.start + sweep.step * place for place in places)
    elif not override.is_sweep_override():
        yield plain(sweep)
    elif override.value_type not in OPEN_SWEEPS:
        yield from map(plain, override.sweep_iterator())


def plain(value: Any) -> Any:
    """Return the value as YAML would give it: quoted strings of the override grammar become plain ones."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(getattr(value, "text", value))


def _quoted(text: str) -> str:
    """Return a text that Hydra's grammar has no letters for in its quotes, a list of values each; all else as it is."""
    key, _, value = text.partition("=")
    name = key.lstrip("+")
    if name not in KEYS or KEYS[name].type is not str or value[:1] in ("", "'", '"', "[", "{"):
        return text
    return f"{key}={','.join(map(_in_quotes, value.split(',')))}"


def _in_quotes(text: str) -> str:
    return "'" + re.sub(r"(\\*)('|\Z)", lambda match: 2 * match[1] + ("\\'" if match[2] else ""), text) + "'"


def one_line(error: BaseException) -> str:
    """Return what Hydra or OmegaConf says, without what follows its first line."""
    parts = [error, *([error.__cause__] if error.__cause__ else [])]
    texts = [_first_line(str(part)) for part in parts if str(part).strip()]
    return ": ".join(dict.fromkeys(texts)) or type(error).__name__


def _first_line(text: str) -> str:
    lines = re.sub(r"^\w+ raised while resolving interpolation: ", "", text.strip()).splitlines()
    if lines[0].startswith("Ambiguous value"):  # of the three ways out that Hydra lists, the one that is meant
        return f"{lines[0]}; with -m each of its values is taken"
    return f"{lines[0]} {lines[1].strip()}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
