"""Certificates of a deployment: its own authority, what it issues, and what it takes back."""
