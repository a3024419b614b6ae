"""What a process needs, whatever it does: whom it becomes, what it may read, what it checks at its start."""
