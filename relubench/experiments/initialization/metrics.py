"""What curves.parquet holds."""

CURVES = ("activation_quantiles", "second_moment", "zero_share")
