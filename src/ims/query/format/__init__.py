"""Answers as people and programs get them: values as text, tables, JSON and CSV."""
