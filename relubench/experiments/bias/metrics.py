"""What curves.parquet holds."""

CURVES = ("dead_train", "train_accuracy")
