"""A lab of real hosts: network namespaces, veth, bridges and nftables, on which the real programs run.

It decides how a network is built, observed and torn down; it knows nothing of Warren. Start reading at `lab.py`;
`keeper.py` says why nothing of a lab outlives the process that made it.
"""
