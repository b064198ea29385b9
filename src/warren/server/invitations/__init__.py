"""People let into a network as themselves: invited by its admins, or asking where a network is listed.

Who is in as a person may add machines by signing on; in a locked network those wait for an admin's device as all do.
`service.py` is the only door.
"""
