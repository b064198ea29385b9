"""The plan beside the changes that a run would make, for a person who wants to see before it happens. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from warren.node.changes import Change, CloseTunnel, DropHost, DropPeer, PutFilter, PutHost, PutPeer, RaiseTunnel
from warren.node.host.facts import HostAddress, HostItem
from warren.node.plan import FilterPlan, HostPlan, PeerPlan, describe, show_item, show_peer


class Previewed(NamedTuple):
    """One thing of the host, and what would be done about it. `kind` as in `plan.Described`."""

    kind: str
    text: str
    action: Literal["keep", "add", "remove"]


def preview_items(wanted: HostPlan, changes: Sequence[Change]) -> tuple[Previewed, ...]:
    """What would be removed, then everything wanted in the order in which it is applied."""
    added: set[HostItem | PeerPlan | FilterPlan | str] = set(_added(changes))
    kept_or_added = tuple(
        Previewed(described.kind, described.text, "add" if described.subject in added else "keep")
        for described in describe(wanted)
    )
    return (*_removed(changes), *kept_or_added)


def _added(changes: Sequence[Change]) -> Iterator[HostItem | PeerPlan | FilterPlan | str]:
    for change in changes:
        match change:
            case PutHost(item=item):
                yield item
            case RaiseTunnel(link=link):
                yield link
            case PutFilter(filter=wanted):
                yield wanted
            case PutPeer(peer=peer):
                yield peer
            case DropHost() | CloseTunnel() | DropPeer():
                pass


def _removed(changes: Sequence[Change]) -> Iterator[Previewed]:
    for change in changes:
        match change:
            case DropHost(item=item):
                kind = "address" if isinstance(item, HostAddress) else "route" if item.link else "blackhole"
                yield Previewed(kind, show_item(item), "remove")
            case CloseTunnel(link=link):
                yield Previewed("link", link, "remove")
            case DropPeer(peer=peer):
                yield Previewed("peer", show_peer(peer), "remove")
            case PutHost() | RaiseTunnel() | PutFilter() | PutPeer():
                pass
