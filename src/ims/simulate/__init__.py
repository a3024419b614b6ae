"""Traffic that the project makes itself: bytes of a capture file out, with the truth about them.

* `wire`      columns of packets to the bytes of a pcap, checksums included
* `dice`      random columns that depend on the seed alone
* `payloads`  what the sources say
* `sample`    a day of dark traffic to 198.51.100.0/24, the small capture of `make demo`
"""
