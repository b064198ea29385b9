"""`GET /v1/config`: every setting with its value and origin, those remembered with networks included."""

from warren.model.offloads import show_allowed
from warren.node.api.caller import user_of_uid
from warren.node.api.http import Reply, Request
from warren.node.api.scope import Scope
from warren.node.settings import FIELDS
from warren.protocol.local.config import Config, Setting


async def answer(scope: Scope, _request: Request, reply: Reply) -> None:
    """List them."""
    loaded, wanted = scope.loaded, scope.wanted
    values = {"state": str(loaded.settings.state), "socket": str(loaded.settings.socket)}
    values |= {"log_level": loaded.settings.log_level, "stay": "yes" if loaded.settings.stay else "no"}
    values["proxy"] = loaded.settings.proxy.shown
    values |= {"offloads": show_allowed(loaded.settings.offloads), "workers": str(loaded.settings.workers or "auto")}
    found = [
        Setting(name=f.name, value=values[f.name], origin=loaded.origins[f.name], variable=f.variable, help=f.help)
        for f in FIELDS
    ]
    operator = user_of_uid(wanted.operator_uid) if wanted.operator_uid is not None else ""
    found += [
        _remembered("up", "yes" if wanted.up else "no", "whether this node is on after a restart too"),
        _remembered("operator", operator, "who may change the network state besides root"),
    ]
    for network in scope.roster.networks:
        membership, name = network.parts.membership, network.name
        port = str(membership.port) if membership.port else f"any ({network.book.port})"
        found += [
            _remembered(f"{name}.server", membership.server, "URL of the network's server"),
            _remembered(f"{name}.hostname", membership.hostname, "name that was asked for"),
            _remembered(f"{name}.port", port, "UDP port of the tunnel"),
        ]
    await reply.result(Config(settings=tuple(found)))


def _remembered(name: str, value: str, text: str) -> Setting:
    return Setting(name=name, value=value, origin="remembered", help=text)
