"""From tables to statements: intervals, summaries, claims and their verdicts."""

#: Confidence of intervals, unless another is asked for.
CONFIDENCE = 0.95
