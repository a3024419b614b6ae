"""Simulated traffic: a capture file, and the truth about it.

* `scenario`        a file of TOML and its tables: the sources, and their payloads
* `populations`     the senders, each kind from its table to the packets of a while
* `kernels`         random numbers, hosts, connections and frames for all of them
* `output`          a scenario played: a capture, and its truth
* `random_columns`  random columns that depend on the seed alone
"""
