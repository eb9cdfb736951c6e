"""The tests of relubench."""
