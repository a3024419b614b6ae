"""The packet rate of blocks by their size (paper, Figure 2)."""
