"""Traffic from a block's own network (paper, Figure 3)."""
