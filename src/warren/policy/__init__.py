"""The access policy of a network: parsed, checked and asked; start reading in `language.py`.

Decides who may reach whom, with the reason. Must not know how a policy was signed (that is `trust`) nor packets.
"""
