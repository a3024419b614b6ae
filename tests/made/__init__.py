"""What tests are made of: a day of dark traffic and its oracle, packets written field by field."""
