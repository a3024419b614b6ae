"""One source's packets and our replies, beside what a passive monitor sees (paper, Figure 4)."""
