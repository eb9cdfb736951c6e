"""What curves.parquet holds."""

CURVES = ("dead_train", "silent_train", "saturated_train")
