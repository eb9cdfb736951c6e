"""Where the files are that come with the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
#: The folder of the YAML files: inside the package in a wheel, beside it in a checkout.
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf" / "config.yaml").exists() else _PACKAGE.parent / "conf"
