"""What admits to a relay: grants (a signer vouches for a member) and session certificates (a member for a key).

Both are fixed binary layouts that the engine reads (`engine/proto/src/relay/grant.rs`, `certificate.rs`); only who
signs them is written in Python. Start reading at `grants`.
"""
