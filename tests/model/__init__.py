"""Whole networks in memory on a virtual clock, against a naive reference.

Real: the daemon with its roster, ledger, sessions, paths, plan and reconciler; the server's services over SQLite, its
hub, streaming and sessions; all of `trust`. Simulated: time (`clock`), disks that lose power (`disk`, `database`), the
lines and the air between machines (`wire`), the operating system and the packet engine (`machines`), and what liars say
(`liars`). `reference` says what must be, `world` joins it all, `steps` draws what happens. Start reading in `world`.
"""
