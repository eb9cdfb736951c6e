"""The sweep that nothing has disturbed."""

import pytest

from tests.support.sweeps import seconds, sweep


@pytest.fixture(scope="module")
def quick_options():
    """Return none: the processes that are disturbed compile without, too."""
    return {}


@pytest.fixture(scope="module")
def whole(compiled_quickly, tmp_path_factory):
    """Return the folder of an undisturbed sweep."""
    folder = tmp_path_factory.mktemp("whole")
    sweep(folder)
    return folder


@pytest.fixture(scope="module")
def duration(whole, tmp_path_factory):
    """Return how long such a sweep takes, its programs compiled, in seconds."""
    return seconds(tmp_path_factory.mktemp("timed"))
