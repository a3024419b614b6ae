"""Payloads to signatures: a keyed hash finds a payload in a bounded cache (`cache`); a new one gets its MD5 (`digest`),
once. `batch` does so for the rows of a batch, `signer` calls it, `gather` copies out what the store needs."""
