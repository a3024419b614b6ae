"""Traffic that the project makes itself: bytes of a capture file out, with the truth about them.

* `scenario`        a file of TOML and its tables: what the sources are, and what they say
* `populations`     who sends, each kind from its table to the packets of a while
* `kernels`         random numbers, hosts, connections and frames under all of them
* `output`          a scenario played: a capture, and its truth
* `random_columns`  random columns that depend on the seed alone
"""
