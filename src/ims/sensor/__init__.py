"""Where the stages meet: one batch from frames to store, and what drives it."""
