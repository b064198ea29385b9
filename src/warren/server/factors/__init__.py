"""Second factors of people: codes of an app (TOTP), recovery codes, passkeys. Start in `rules.py`.

`totp.py` and `passkeys.py` are what each kind is, `service.py` is the only door, `routes.py` the pages.
"""
