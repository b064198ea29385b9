"""Linux: links, addresses and routes by rtnetlink, spoken directly.

`host.py` is the door; `messages.py` knows the layouts; `netlink.py` the socket; `watch.py` tells of changes. Written
here instead of driving pyroute2, because importing that costs 300 ms of CPU and 16 MB, a fifth of what `warren up` may
take in all.
"""
