"""Settings of every test: Hypothesis without a deadline, for a kernel's first call compiles it."""

from hypothesis import settings

settings.register_profile("ims", deadline=None)
settings.load_profile("ims")
