"""Sign-on by OpenID Connect providers: which ones, what their word is worth, and how it is had. Start in `rules.py`.

`settings.py` reads the file of providers, `openid.py` speaks to one through `outward.py`, `rules.py` judges what it
signed, `domains.py` opens or joins the network of a mail domain, `service.py` is the only door.
"""
