"""History into commands: Parquet, CSV and JSON lines with a column mapping."""
