"""The memory that a process may still take, within control groups, and what is refused for the lack of it."""

import pytest

from relubench import memory
from relubench.errors import UserError

MIB = 2**20


def grouped(folder, limit, used, pages):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 7\ninactive_file {pages}\nactive_file 0\n")


@pytest.fixture
def within(monkeypatch, tmp_path):
    """Put this process into the control group `jobs/mine` of a hierarchy of files."""
    tree = memory.VERSION_2._replace(root=tmp_path)
    monkeypatch.setattr(memory, "control_groups", lambda: iter([(tree, "jobs/mine")]))
    return tmp_path / "jobs"


def test_the_narrowest_limit_of_a_control_group_and_of_those_around_it_counts(within):
    free = memory.available()
    assert free > 300 * MIB  # no file tells of a limit
    grouped(within, 300 * MIB, 100 * MIB, 0)
    grouped(within / "mine", "max", 50 * MIB, 0)
    assert memory.available() == 200 * MIB
    grouped(within / "mine", 90 * MIB, 50 * MIB, 20 * MIB)  # pages of files make way
    assert memory.available() == 60 * MIB
    grouped(within / "mine", 90 * MIB, 95 * MIB, 0)
    assert memory.available() == 0


def test_what_memory_does_not_hold_is_refused_with_both_numbers():
    with pytest.raises(UserError, match=r"a table: it needs 3\.0 KiB of memory, there are 2\.0 KiB; take less"):
        memory.require("a table", 3072, 2048, hint="take less")
    memory.require("a table", 2048, 2048, hint="take less")
