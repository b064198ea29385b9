"""How people prove to this server who they are: pages, sessions, and programs that ask a person to approve them.

Start in `service.py`. What a signed-on person may do is `accounts/rules.py`'s.
"""
