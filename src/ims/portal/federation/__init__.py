"""All sensors at once, and a lake beside them: who they are, what each answers, and one answer of it all."""
