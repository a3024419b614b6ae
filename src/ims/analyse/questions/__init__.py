"""The question of each analysis: parameters, estimates, columns."""
