"""Frames in: capture files, pipes, and folders into which captures are rotated."""
