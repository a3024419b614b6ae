"""How many bytes a day packets take (Figure 7 of the paper)."""
