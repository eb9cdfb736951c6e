"""The claim that a picture decides."""

from __future__ import annotations

from relubench.findings.claims import Claim
from relubench.findings.claims.rule import HOLDS

CLAIMS = (
    Claim(
        id=41,
        statement="When units die, their decision lines leave the data",
        source="answer",
        kind="picture",
        decided=HOLDS,
        note="See the figures boundaries (a strip and an animation). A dead unit's line passes beside all inputs, or "
        "touches the outermost, and its active side holds none of them: that is what dead means; the picture shows "
        "the way there.",
    ),
)
