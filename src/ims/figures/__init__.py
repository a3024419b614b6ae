"""Figures as in a paper: tables to charts, files of them, and text for a terminal."""
