"""Columns to Parquet and back: the manifest, parts, compaction, retention, and packets rebuilt for export."""
