"""The kernels under all populations: random numbers, hosts, connections, and the frames they write."""
