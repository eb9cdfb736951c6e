"""What the literature decides."""

from __future__ import annotations

from relubench.findings.claims import Claim

CLAIMS = (
    Claim(
        id=5,
        statement="There are scientific articles about dead neurons",
        source="comment",
        kind="bibliography",
        decided="holds",
        note="docs/references.md lists them, each with what it says and which experiment tests it; this experiment "
        "measures what Lu et al. 2020 prove.",
    ),
)
