"""People on a server: who they are, how they prove it to programs, and what each may do. Start in `rules.py`.

An account is (issuer, subject); a name or mail address is a label (SECURITY.md rule 9). People of this server itself
have the issuer `local`.
"""
