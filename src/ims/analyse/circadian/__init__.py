"""The daily pattern of sources (paper, section 3.2 and Figure 10)."""
