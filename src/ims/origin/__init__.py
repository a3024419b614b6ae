"""Where sources come from: country, autonomous system and local time, from files in MMDB format that the user has."""
