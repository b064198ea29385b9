"""Writes tests/vectors/trust/*.json from fixed inputs: the bytes of every kind of document, and what keys give.

Run it by hand (`python -m tools.golden_trust`) after a change of trust and read the difference: a vector that changes
is a network that falls apart. tests/vectors/trust/check.go checks the files without any code of ours.
"""

import json
from ipaddress import IPv6Network
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from warren import canonical
from warren.model.addresses import member_ipv6
from warren.model.ids import NetworkId
from warren.model.keys import ExchangeKeyPair, Secret, SigningKeyPair
from warren.model.transport import AES_OFFER
from warren.trust import documents as d
from warren.trust.admission_key import AdmissionKey, format_key, pin, sign_join
from warren.trust.authenticate import Authentic, authenticate
from warren.trust.documents import Body, Kind
from warren.trust.sealing import seal
from warren.trust.signing import REGISTRAR_RIGHTS, Envelope, make_genesis, sign

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors" / "trust"
DATE = 1_700_000_000
SEEDS = {
    name: bytes([0x10 + number]) * 32 for number, name in enumerate(("root", "registrar", "server", "alice", "bob"))
}
KEYS = {name: SigningKeyPair(seed) for name, seed in SEEDS.items()}
NETWORK, GENESIS = make_genesis(KEYS["root"], bytes(range(16)))


def bodies() -> list[tuple[str, Kind, str, Body]]:
    """Name, kind, signer and body: each kind with its least fields and with all of them."""
    root, registrar, server, alice, bob = (KEYS[name].public for name in SEEDS)
    place = d.ServerPlace(url="https://vpn.example.org:8443", key=server)
    least = d.Settings(
        version=1,
        name="default",
        prefix4="100.96.0.0/16",
        prefix6="fd4a:1b2c:3d4e:5f60::/64",
        suffix="default.warren.internal",
        counter=1,
        date=DATE,
    )
    most = replace(least, servers=(place,), stale_after_days=300, cut_after_days=30, epoch=1, counter=70000, under=2)
    bounds = d.AdmissionLimits(tags=("lab",), hostname="lab-*", ipv4="100.96.7.0/24", count=20)
    mark = d.HeadMark(authority=registrar, epoch=0, counter=300)
    web = d.Service(name="web", protocol="tcp", port=443)
    return [
        ("settings, least", Kind.SETTINGS, "root", least),
        ("settings, all", Kind.SETTINGS, "root", most),
        ("delegation, least", Kind.DELEGATION, "root",
         d.Delegation(delegate=registrar, rights=tuple(map(str, REGISTRAR_RIGHTS)), counter=2, date=DATE)),
        ("delegation, all", Kind.DELEGATION, "root",
         d.Delegation(delegate=bob, rights=("admit",), not_after=DATE + 86400, limits=bounds, epoch=3, counter=2**32,
                      date=DATE)),
        ("membership, least", Kind.MEMBERSHIP, "registrar", d.Membership(identity=alice, counter=3, date=DATE)),
        ("membership, all", Kind.MEMBERSHIP, "registrar",
         d.Membership(identity=alice, user="usr_1", groups=("staff", "ops"), role="admin", tags=("lab",),
                      hostname="laptop", ipv4="100.96.0.2", expires=DATE + 3600, joined=DATE, heads=(mark,), epoch=1,
                      counter=255, date=DATE, under=1)),
        ("membership, ephemeral", Kind.MEMBERSHIP, "registrar",
         d.Membership(identity=alice, expires=DATE + 3600, ephemeral=True, counter=7, date=DATE)),
        ("membership, by an invite and signed again", Kind.MEMBERSHIP, "bob",
         d.Membership(identity=alice, joined=DATE, invite=bytes([8]) * 32, counter=8, date=DATE + 1)),
        ("record, least", Kind.RECORD, "alice",
         d.NodeRecord(identity=alice, wireguard=bytes([1]) * 32, path=bytes([2]) * 32, counter=1, date=DATE)),
        ("record, all", Kind.RECORD, "alice",
         d.NodeRecord(identity=alice, wireguard=bytes([1]) * 32, path=bytes([2]) * 32, next_wireguard=bytes([3]) * 32,
                      next_from=DATE + 60, previous_path=bytes([4]) * 32, capabilities=("ü",), services=(web,),
                      routes=("192.168.7.0/24",), epoch=1, counter=128, date=DATE)),
        ("record, carries with AES", Kind.RECORD, "alice",
         d.NodeRecord(identity=alice, wireguard=bytes([1]) * 32, path=bytes([2]) * 32, capabilities=(AES_OFFER,),
                      counter=2, date=DATE)),
        ("policy, least", Kind.POLICY, "root", d.Policy(text=b"{}", counter=4, date=DATE)),
        ("policy, long", Kind.POLICY, "root",
         d.Policy(text=b" " * 300, replaces=bytes([9]) * 32, counter=5, date=DATE)),
        ("removal of a membership", Kind.REMOVAL, "registrar",
         d.Removal(of="membership", subject=alice, counter=6, date=DATE)),
        ("removal of a delegation", Kind.REMOVAL, "root",
         d.Removal(of="delegation", subject=registrar, epoch=7, counter=7, date=DATE)),
        ("head", Kind.HEAD, "root", d.Head(authority=root, digest=bytes([5]) * 32, counter=8, date=DATE)),
        ("head, dated anew", Kind.HEAD, "registrar",
         d.Head(authority=root, digest=bytes([5]) * 32, counter=8, date=DATE + 99)),
        ("removal after two changes of the root", Kind.REMOVAL, "alice",
         d.Removal(of="delegation", subject=alice, counter=1, date=DATE, generation=2)),
        ("recovery by nobody", Kind.RECOVERY, "root", d.Recovery(counter=9, date=DATE)),
        ("recovery by two of two", Kind.RECOVERY, "root",
         d.Recovery(keys=tuple(sorted((alice, bob))), quorum=2, counter=10, date=DATE)),
        ("root-change, least", Kind.ROOT_CHANGE, "root",
         d.RootChange(generation=1, old=root, root=bob, counter=1, date=DATE)),
        ("root-change, a vote", Kind.ROOT_CHANGE, "alice",
         d.RootChange(generation=64, old=root, root=bob, kept=(bytes([6]) * 32, bytes([7]) * 32), epoch=1, counter=3,
                      date=DATE, under=2)),
    ]  # fmt: skip


def readable(value: Any) -> Any:
    """The value as JSON: bytes as `hex:...`."""
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if isinstance(value, dict):
        return {key: readable(inner) for key, inner in value.items()}
    return [readable(inner) for inner in value] if isinstance(value, list) else value


def document(name: str, raw: bytes) -> dict[str, Any]:
    """One document as a vector."""
    answer = authenticate(NETWORK, raw)
    if not isinstance(answer, Authentic):
        raise TypeError(f"{name}: {answer}")
    envelope = canonical.decode(raw, Envelope)
    return {
        "name": name,
        "kind": envelope.kind,
        "fields": readable(msgspec.msgpack.decode(envelope.body)),
        "signer": envelope.signer.hex(),
        "subject": answer.subject.hex(),
        "raw": raw.hex(),
        "digest": answer.digest.hex(),
    }


def derived() -> dict[str, Any]:
    """What follows from keys: ids, addresses, pins, proofs and sealed messages."""
    root, _, server, alice, bob = (KEYS[name].public for name in SEEDS)
    paths = {name: ExchangeKeyPair(bytes([0x40 + number]) * 32) for number, name in enumerate(("alice", "bob", "once"))}
    key = AdmissionKey("abcdefghi2", Secret(bytes(range(32))), pin(NETWORK, root, server))
    challenge = bytes([0x77]) * 32
    sealed = seal(
        b"candidates", network=NetworkId(NETWORK), sender=alice, sender_path=paths["alice"], receiver=bob,
        receiver_path=paths["bob"].public, ephemeral=paths["once"],
    )  # fmt: skip
    prefix = "fd4a:1b2c:3d4e:5f60::/64"
    return {
        "network": NETWORK.hex(),
        "root": root.hex(),
        "server": server.hex(),
        "ipv6": {
            "identity": alice.hex(),
            "prefix": prefix,
            "address": str(member_ipv6(NETWORK, alice, IPv6Network(prefix))),
        },
        "admission": {
            "key": format_key(key),
            "seed": key.seed.reveal().hex(),
            "pin": key.pin.hex(),
            "public": key.public.hex(),
            "identity": alice.hex(),
            "challenge": challenge.hex(),
            "signature": sign_join(key.seed, alice, NETWORK, challenge).hex(),
        },
        "sealed": {
            "sender": alice.hex(),
            "receiver": bob.hex(),
            "sender_path": paths["alice"].public.hex(),
            "receiver_path_private": (bytes([0x41]) * 32).hex(),
            "plain": b"candidates".hex(),
            "sealed": sealed.hex(),
        },
    }


def main() -> None:
    """Write the files."""
    vectors = [document("genesis", GENESIS)]
    vectors += [document(name, sign(kind, NETWORK, body, KEYS[signer])) for name, kind, signer, body in bodies()]
    for name, content in (("documents", vectors), ("derived", derived())):
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text)
        print(f"{FOLDER.name}/{name}.json: {len(text)} characters")


if __name__ == "__main__":
    main()
