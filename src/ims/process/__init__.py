"""What every process needs: which user it becomes, what it may read, what it checks at its start."""
