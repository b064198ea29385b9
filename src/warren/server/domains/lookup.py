"""Asks the DNS for the texts of a name, by the server's own resolver (RFC 1035, 3.3.14).

Decides how long an answer is waited for, how much of it is read, and how many look-ups of people there are at once:
nobody waits behind another's slow name server, and who asks for much is refused. Must not know what a text means.
"""

import asyncio
from collections.abc import Sequence

from warren.errors import Code, WarrenError
from warren.limits import DNS_LOOKUP_MAX_S, DNS_LOOKUPS_AT_ONCE, DNS_TEXTS_MAX


class TxtLookup:
    """Asks `servers` at `port`; none: those of this machine's resolver."""

    def __init__(self, servers: Sequence[str] = (), port: int = 53) -> None:
        self._servers = tuple(servers)
        self._port = port
        self._asking: set[str] = set()

    async def texts_for(self, user: str, name: str) -> tuple[str, ...]:
        """`texts` for an account, one at a time. Raises BUSY, too, where it, or everybody together, asks enough."""
        if user in self._asking or len(self._asking) >= DNS_LOOKUPS_AT_ONCE:
            raise WarrenError(Code.BUSY, "the DNS is being asked for other records", "try again in some seconds")
        self._asking.add(user)
        try:
            return await self.texts(name)
        finally:
            self._asking.discard(user)

    async def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a name's TXT records, at most DNS_TEXTS_MAX; none where there is no such record. Raises
        WarrenError TIMEOUT where the DNS does not say."""
        from dns import asyncresolver, exception, rdatatype, resolver  # noqa: PLC0415 - few servers need it
        from dns.rdtypes.txtbase import TXTBase  # noqa: PLC0415 - the same

        try:
            async with asyncio.timeout(DNS_LOOKUP_MAX_S):
                asked = asyncresolver.Resolver(configure=not self._servers)
                if self._servers:
                    asked.nameservers, asked.port = list(self._servers), self._port
                answer = await asked.resolve(
                    f"{name}.", rdatatype.TXT, search=False, lifetime=DNS_LOOKUP_MAX_S, raise_on_no_answer=False
                )
        except resolver.NXDOMAIN:
            return ()
        except (exception.DNSException, OSError, TimeoutError) as error:
            raise WarrenError(
                Code.TIMEOUT, f"the DNS does not say what {name} holds", "try again in some minutes"
            ) from error
        found = [b"".join(one.strings) for one in answer.rrset or () if isinstance(one, TXTBase)]
        return tuple(one.decode("utf-8", "replace") for one in found[:DNS_TEXTS_MAX])
