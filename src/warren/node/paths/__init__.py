"""How this node finds the way to a peer: candidates are probed, answers ranked, the engine told where to send.

`agent` decides for one peer, `candidates` which addresses are worth a probe, `ranking` which path is better, `budget`
how many probes an address that never answered may get: all pure. `prober` gives them a clock, the tunnel's socket and
the sealed signals; `interfaces` reads this machine's addresses. Start reading at `agent`.
"""
