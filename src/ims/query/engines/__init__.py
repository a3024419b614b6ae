"""What runs plans: DuckDB embedded, DuckDB kept for many questions, Spark; and how they read the parts of plans."""
