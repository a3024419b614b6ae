"""The judge: any folder of captures, read by ims, tshark and tcpdump; every disagreement is a line.

    make judge DIR=/var/captures
    .venv/bin/python -m benchmarks.judge DIR [--block NAME=CIDR] [--unwrap gre,ipip]

* `dissected` what tshark sees of a capture, frame by frame, without reassembly
* `counted`   how many packets tcpdump prints, by filter
* `product`   what ims does with the same file: exit status, books, rows, counts, export
* `verdict`   where they disagree (`rows`: packet by packet); `excused` says where they may, and why
* `generated` captures of every format, encapsulation and damage, from a seed
"""
