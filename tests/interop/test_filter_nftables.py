"""Rule 27 of SECURITY beside a filter that others wrote: the same packets, through the same tunnel, judged by nftables.

nftables judges behind the kernel's reassembly, so it sees every port; ours judges pieces. Nothing may get past ours
that nftables refuses, and nothing that hides nothing may be dropped by ours where nftables accepts it.
"""

import json
import random  # noqa: TID251 - the packets of a seed, made again here
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from tests.interop import odd_packets
from tests.interop.two_engines import A6, B6, A, B, TwoEngines
from tests.netlab.conftest import made
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

SEED, COUNT = 7, 1500
QUEUE_PACKETS = 20_000
OURS = [[1, True, 6, 5000, 5001], [2, True, 17, 5001, 5001], [3, True, 1, 0, 0], [4, True, 58, 0, 0]]
THEIRS = """
    tcp dport 5000-5001 accept
    udp dport 5001 accept
    icmp type echo-request accept
    icmpv6 type echo-request accept
    drop
"""
# `ct state` has the kernel reassemble before these chains, of IPv6 too; `seen` is what is left of the packets.
TABLE = """
table inet judged {{
  set seen4 {{ typeof ip id; size 65535; }}
  set seen6 {{ typeof ip6 flowlabel; size 65535; }}
  chain judge {{ type filter hook input priority 0; iifname != "{link}" accept; ct state untracked drop; {rules} }}
  chain seen {{
    type filter hook input priority 100;
    iifname != "{link}" accept
    meta nfproto ipv4 add @seen4 {{ ip id }}
    meta nfproto ipv6 add @seen6 {{ ip6 flowlabel }}
  }}
}}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoEngines]:
    with made(tmp_path_factory.mktemp("nftables"), user_namespace=None) as lab:
        both = TwoEngines(lab)
        for host, engine in zip(both.hosts, (both.a, both.b), strict=True):
            host.ip_batch(f"link set {engine.link} txqueuelen {QUEUE_PACKETS}")  # an engine that is late loses nothing
        ping = ["ping", "-c1", "-W1", B]
        until(lambda: both.hosts[0].run(ping, check=False).returncode == 0, "the session stands")
        yield both
        both.end()


def let_in(pair: TwoEngines, rules: str) -> set[int]:
    """The numbers of those packets that come as far as the programs of `b`, with these rules of nftables there."""
    sender, receiver = pair.hosts
    receiver.nft(TABLE.format(link=pair.b.link, rules=rules))

    def seen() -> set[int]:
        sets = json.loads(receiver.run(["nft", "-j", "list", "sets", "inet"]).stdout)["nftables"]
        return {one for entry in sets if "set" in entry for one in entry["set"].get("elem", ())}

    program = [sys.executable, "-m", "tests.interop.odd_packets", pair.a.link, str(SEED), str(COUNT), A, B, A6, B6]
    for _ in range(2):  # what a busy machine loses once has the same number the second time
        sender.run(program)
    until(lambda: COUNT + 1 in seen(), "the last packet comes")
    found = seen()
    receiver.run(["nft", "delete", "table", "inet", "judged"])
    return found


def is_plain(packets: list[bytes]) -> bool:
    """Whether one packet carries it whole, with at most seven extension headers."""
    return len(packets) == 1 and packets[0].count(bytes([0, 1, 4, 0, 0, 0, 0])) <= 7


def test_nothing_passes_that_nftables_refuses_and_what_hides_nothing_passes_alike(pair: TwoEngines) -> None:
    theirs = let_in(pair, THEIRS)
    pair.b.ask("set_filter", *OURS)
    ours = let_in(pair, "")
    pair.b.ask("clear_filter")
    rng = random.Random(SEED)  # noqa: S311 - packets, not secrets
    ends4 = IPv4Address(A).packed, IPv4Address(B).packed
    ends6 = IPv6Address(A6).packed, IPv6Address(B6).packed
    sent = {number: odd_packets.pieces(number, rng, ends4, ends6) for number in range(1, COUNT + 1)}

    def shown(numbers: set[int]) -> list[tuple[int, list[str]]]:
        return [(number, [packet.hex() for packet in sent.get(number, [])]) for number in sorted(numbers)[:3]]

    assert shown(ours - theirs) == []
    assert shown({number for number in theirs - ours if number in sent and is_plain(sent[number])}) == []
    assert COUNT / 10 < len(ours) < len(theirs) < COUNT, "both let in some and refuse some"
