"""A portal asked from afar: the verbs of `ims.open`, answered over HTTPS."""
