"""The phases of a worm (paper, section 3.2 and Figure 9)."""
