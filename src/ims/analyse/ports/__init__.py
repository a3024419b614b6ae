"""The analysis `ports`: ports without a well-known service whose level changed (the paper's Figure 6)."""
