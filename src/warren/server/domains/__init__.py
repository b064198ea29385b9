"""Mail domains that an admin proves by a record in the DNS, and whether people who come by one wait for an admin.

`service.py` is the only door; `rules.py` says what a record has to hold, `lookup.py` asks the DNS.
"""
