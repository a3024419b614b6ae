"""Settings as people write them: files of TOML, sizes, durations, endpoints; each read in one place."""
