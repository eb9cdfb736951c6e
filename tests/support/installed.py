"""The package as an installation has it: unpacked from the wheel, far from the checkout."""

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def unpacked(folder: Path) -> Path:
    """Build the wheel and unpack it in a folder; return what belongs on Python's path."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"
