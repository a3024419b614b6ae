"""The lake: what sensors' stores have finished, copied to a shared place, and read there (docs/decisions/0015)."""
