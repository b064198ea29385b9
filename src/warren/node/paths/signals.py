"""Candidates in sealed envelopes: what this node tells a peer through the server, and what a peer told. Pure.

Decides which of our path keys opens, and that only a peer's own path key counts as its voice. Must not know sessions.
`ephemeral` is 32 fresh random bytes for one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from warren.errors import Code, WarrenError
from warren.model.ids import Identity, NetworkId
from warren.model.keys import ExchangeKeyPair
from warren.protocol.peer.candidates import Candidates, decode_candidates, encode_candidates
from warren.trust.sealing import open_sealed, seal


@dataclass(frozen=True, slots=True)
class Envelopes:
    """Seals and opens for one network. `path_keys`: ours, the one in use first."""

    network: NetworkId
    me: Identity
    path_keys: Sequence[ExchangeKeyPair]

    def seal(self, to: Identity, path_key: bytes, candidates: Candidates, ephemeral: bytes) -> bytes:
        """The bytes for `to`, which nobody else can read. WarrenError INVALID_KEY where its key is none."""
        return seal(
            encode_candidates(candidates),
            network=self.network,
            sender=self.me,
            sender_path=self.path_keys[0],
            receiver=to,
            receiver_path=path_key,
            ephemeral=ExchangeKeyPair(ephemeral),
        )

    def open(self, sender: Identity, path_key: bytes, sealed: bytes) -> Candidates:
        """What `sender` told us. WarrenError BAD_SIGNATURE where it was not `sender`, MALFORMED for nonsense."""
        for own in self.path_keys:
            try:
                plain = open_sealed(
                    sealed,
                    network=self.network,
                    sender=sender,
                    sender_path=path_key,
                    receiver=self.me,
                    receiver_path=own,
                )
            except WarrenError as error:
                if error.code is not Code.BAD_SIGNATURE:
                    raise
                continue
            return decode_candidates(plain)
        raise WarrenError(Code.BAD_SIGNATURE, "the sealed message is not from this sender to this receiver")
