"""The hit rate of the signature cache (Figure 8 of the paper)."""
