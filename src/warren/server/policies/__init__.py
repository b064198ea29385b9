"""The access policy as people read and set it over REST; start in `routes.py`.

Decides nothing: what a policy may say is `warren.policy`, who signs it is `warren.server.networks`.
"""
