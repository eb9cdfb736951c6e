"""What curves.parquet holds."""

CURVES = ("dead_train",)
