"""Words of the command line at random: never a traceback, never more than a line, never a value that isn't kept."""

import math
import os
import re
import string

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from relubench.cli import verbs
from relubench.config import CHOICES, KEYS, SETTING_KEYS, TREES
from tests.support.command_line import command

pytestmark = pytest.mark.slow

#: How many command lines are tried: `make fuzz` sets it.
EXAMPLES = int(os.environ.get("RELUBENCH_FUZZ", "300"))
WHOLE = [-1, 0, 1, 2, 3, 7, 2**31 - 1, 2**31, 2**32, 2**63, 10**20]
NUMBERS = [-1.0, -0.0, 0.0, 1e-320, 1e-39, 1e-3, 0.5, 1.0, 2.0, 3e38, 1e39, 1e308, math.inf, math.nan]
#: Sizes at which planning would draw gigabytes that memory does hold, or make lists of millions.
HUGE = {"data.examples": [3, 4, 50, 10**12], "data.features": [0, 1, 3, 10**12], "probe.count": [1, 2, 50, 10**9]}
LETTERS = string.ascii_letters + string.digits + " .,:;'\"\\$!?()[]{}<>=/|~*@#%^&+-_é日\t\n"
texts = st.text(LETTERS, max_size=8)


def values(key):
    """Return a strategy of values for a key: mostly of its type, also at and beyond its limits."""
    limits = [key.metadata[name] for name in ("low", "high") if name in key.metadata]
    near = [limit + step for limit in limits for step in (-1, 0, 1)]
    scalar = {
        int: st.sampled_from(HUGE.get(key.name) or [*WHOLE, *near]),
        float: st.sampled_from([*NUMBERS, *near]),
        bool: st.booleans(),
        str: texts,
    }[key.type]
    names = key.metadata.get("choices") or CHOICES.get(key.name)
    if names:
        scalar = st.one_of(st.sampled_from(names), texts)
    if key.is_list:
        scalar = st.lists(scalar, max_size=3)
    return st.one_of(scalar, scalar, st.none(), st.sampled_from([True, 1, 0.5, "x", [], [1], [[1]]]))


def written(value):
    """Return a value in the words of Hydra's overrides."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, str):
        # Hydra takes a backslash for an escape only before a quote: elsewhere it stands for itself.
        return "'" + re.sub(r"(\\*)('|\Z)", lambda found: 2 * found[1] + found[2].replace("'", "\\'"), value) + "'"
    return repr(value)


@st.composite
def assignments(draw):
    """Return (word, key, value) of one key set to one value."""
    key = draw(st.sampled_from([key for name, key in KEYS.items() if name not in (*TREES, "seeds", "name", "out")]))
    value = draw(values(key))
    return f"{key.name}={written(value)}", key.name, value


@st.composite
def axes(draw):
    """Return a word that makes an axis of the grid, perhaps a wrong one."""
    key = draw(st.sampled_from(list(SETTING_KEYS.values())))
    listed = draw(st.one_of(st.lists(values(key), max_size=3), values(key)))
    return f"{draw(st.sampled_from(SIGNS))}grid.{key.name}={written(listed)}"


SIGNS = ["", "+", "++", "~"]
GROUPS = ["data", "model", "optimizer", "nosuch"]
HYDRA = [
    "hydra", "hydra.job.name", "hydra.sweeper", "hydra.launcher", "hydra/launcher", "hydra/sweeper", "hydra.searchpath",
    "hydra.sweep.dir", "hydra.run.dir", "hydra.launcher.nosuch", "hydra.sweeper.params", "hydra.mode", "hydra.verbose",
]  # fmt: skip
ENDS = ["0", "1", "3", "-1", "1.5", ".5", "nan", "inf", "1e9", "2000000000", "a", "null"]
SEEDS = ["0", "2", "-1", "1e3", "[0,1]", "[]", "null", "true", "x", str(10**12)]
SHARDS = ["0/1", "1/1", "3/7", "-1/2", "0/0", "a/b", "1", f"0/{10**30}", "½/2"]
GRAMMAR = [
    "${train.steps}", "${nosuch}", "${range:3}", "${range:0}", "${logspace:0,1,2}", "${logspace:a}", "${oc.env:HOME}",
    "${", "$", "glob(*)", "interval(0,1)", "range(3)", "choice(1,2)", "1,2", "sort(2,1)", "{a:1}", "[1,[2]]", "'",
    "9" * 5000, "[[]]", "tag(a,1)", "???",
]  # fmt: skip
OPTIONS = [
    "-m", "-m", "--multirun", "--resolve", "--info", "--cfg", "job", "--cfg=job", "-x", "--config-dir", "/tmp", "--",
    "-", "=", "a=", "plan",
]  # fmt: skip
LEVELS = [
    "zero",
    "[zero,none]",
    "[zero]",
    "[]",
    "null",
    "3",
    "{}",
    "{title: 3}",
    "{optimizer: {bias_decay: 1}}",
    "{a: 1}",
]
FACTOR_KEYS = [
    "factor.bias",
    "factor.bias.loud",
    "factor.bias.zero",
    "factor.x",
    "factor.",
    "factors",
    "factors.bias.zero",
]
WORDS = st.one_of(
    axes(),
    st.just("experiment=bias"),
    st.builds(
        "{}{}={}".format,
        st.sampled_from(SIGNS),
        st.sampled_from(FACTOR_KEYS),
        st.one_of(st.sampled_from(LEVELS), texts),
    ),
    texts,
    st.builds("{}={}".format, st.sampled_from([*KEYS, *GROUPS]), texts),
    st.builds("~{}".format, st.sampled_from([*SETTING_KEYS, "grid", "grid.seed", "factor.bias", "seeds", "data"])),
    st.builds("{}{}={}".format, st.sampled_from(SIGNS), st.sampled_from([*KEYS]), texts),
    st.builds("seeds={}".format, st.sampled_from(SEEDS)),
    st.builds("shard={}".format, st.sampled_from(SHARDS)),
    st.builds("{}={}".format, st.sampled_from(list(KEYS)), st.sampled_from(GRAMMAR)),
    st.builds(
        "{}={}".format,
        st.sampled_from(HYDRA),
        st.one_of(texts, st.sampled_from(["null", "[a]", "{a:1}", "basic", "vmap", "optuna"])),
    ),
    st.builds(
        "{}={}".format,
        st.sampled_from(list(SETTING_KEYS)),
        st.builds(
            "{}({})".format,
            st.sampled_from(["range", "shuffle", "sort"]),
            st.lists(st.sampled_from(ENDS)).map(",".join),
        ),
    ),
    st.sampled_from(OPTIONS),
)


#: Other words each time; a failure is shown as it was found, since shrinking takes minutes.
FUZZED = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=False, phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def planned(folder, words, monkeypatch):
    """Plan a command line; return (status, what was printed, the request that was planned, if any)."""
    seen = []
    real = verbs.plan

    def plan(request):
        seen.append(request)
        return real(request)

    with monkeypatch.context() as patch:
        patch.setattr(verbs, "plan", plan)
        status, out, err = command(folder, "plan", "experiment=custom", *words)
    return status, out, err, seen


def check_told(status, out, err):
    assert status in (0, 1, 2)
    assert "Traceback" not in out + err
    assert len(err.strip().splitlines()) <= 1, err
    assert len(err) < 2_000
    if status:
        assert err.strip()


@FUZZED
@given(chosen=st.lists(assignments(), min_size=1, max_size=3, unique_by=lambda chosen: chosen[1]))
def test_a_value_is_refused_in_one_line_or_the_run_has_it(monkeypatch, tmp_path, chosen):
    status, out, err, seen = planned(tmp_path, [word for word, _, _ in chosen], monkeypatch)
    check_told(status, out, err)
    if status == 0:
        (request,) = seen
        for _, name, value in chosen:
            kept = request.base[name] if name in SETTING_KEYS else None
            expected = tuple(value) if isinstance(value, list) else value
            if name in SETTING_KEYS and not (KEYS[name].is_list and isinstance(value, int)):
                assert kept == expected, (name, value, kept)
                assert isinstance(kept, bool) == isinstance(value, bool)


@FUZZED
@given(words=st.lists(st.one_of(WORDS, assignments().map(lambda chosen: chosen[0])), max_size=4))
def test_no_words_end_in_a_traceback(monkeypatch, tmp_path, words):
    status, out, err, _ = planned(tmp_path, [word for word in words if "\0" not in word], monkeypatch)
    check_told(status, out, err)


@pytest.mark.parametrize("key", SETTING_KEYS.values(), ids=lambda key: key.name)
def test_a_default_may_be_said(monkeypatch, tmp_path, key):
    value = key.default
    said = written(list(value) if isinstance(value, tuple) else value)
    status, _, err, (request,) = planned(tmp_path, [f"{key.name}={said}"], monkeypatch)
    assert (status, err) == (0, "")
    assert request.base[key.name] == value
