"""From tables to statements: intervals, summaries, claims and their verdicts."""
