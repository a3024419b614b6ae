"""Analyses: each is a question with one form of answer: data, a model, a figure (paper, sections 2 and 3)."""
