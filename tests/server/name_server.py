"""A DNS server for texts on loopback, which says what a test wants, or is silent."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`records` by name; it is silent about all or about some, or fails, where it is told to."""

    records: dict[str, list[str]] = field(default_factory=dict)
    silent_about: set[str] = field(default_factory=set)
    is_silent: bool = False
    fails: bool = False
    asked: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was asked; whoever waits for the next question clears it."""
    unanswered: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def listening(cls) -> "NameServer":
        """A fresh one, at `port`."""
        _, made = await asyncio.get_running_loop().create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return made

    @property
    def port(self) -> int:
        """UDP, on 127.0.0.1."""
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Listen no more."""
        assert self.transport is not None
        self.transport.close()

    def speak(self) -> None:
        """Answer whatever it was silent about."""
        self.silent_about.clear()
        waiting, self.unanswered = self.unanswered, []
        for data, address in waiting:
            self.datagram_received(data, address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        question = dns.message.from_wire(data)
        name = question.question[0].name
        self.heard.set()
        if self.is_silent or self.transport is None or name.to_text(omit_final_dot=True) in self.silent_about:
            self.unanswered.append((data, addr))
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA
        texts = self.records.get(name.to_text(omit_final_dot=True))
        if self.fails:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif texts is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{one}"' for one in texts)))
        self.transport.sendto(answer.to_wire(), addr)
