"""Appends to the audit log, inside the transaction of the change that it tells of; reads it page by page.

Decides the words of the log. Must not know tables. A change and its audit row are committed together or not at all.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from warren.model.ids import NetworkId
from warren.protocol.rest.paging import ByNumber
from warren.server.audit import store
from warren.server.audit.store import AuditRow
from warren.server.db.engine import Database


class Action(StrEnum):
    """What changes who may do what. Names may be added, never changed."""

    NETWORK_CREATED = "network.created"
    NETWORK_RENAMED = "network.renamed"
    NETWORK_DELETED = "network.deleted"
    SETTINGS_CHANGED = "network.settings"
    NETWORK_RESTORED = "network.restored"
    SIGNED = "network.signed"
    LOCKED = "network.locked"
    UNLOCKED = "network.unlocked"
    MEMBER_RENEWED = "member.renewed"
    ROOT_TAKEN = "network.root-taken"
    ROOT_CHANGED = "network.root-changed"
    POLICY_SET = "policy.set"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    MEMBER_ASKED = "member.asked"
    MEMBER_DENIED = "member.denied"
    MEMBER_JOINED = "member.joined"
    MEMBER_REMOVED = "member.removed"
    MEMBER_LEFT = "member.left"
    SIGNED_ON = "user.signed-on"
    SIGNED_OFF = "user.signed-off"
    PROGRAM_APPROVED = "program.approved"
    PROGRAM_DENIED = "program.denied"
    NETWORK_LISTED = "network.listed"
    NETWORK_UNLISTED = "network.unlisted"
    PERSON_INVITED = "person.invited"
    PERSON_ASKED = "person.asked"
    PERSON_IN = "person.in"
    PERSON_OUT = "person.out"
    USER_CREATED = "user.created"
    DOMAIN_OPENED = "domain.opened"
    DOMAIN_JOINED = "domain.joined"
    DOMAIN_CLAIMED = "domain.claimed"
    DOMAIN_PROVED = "domain.proved"
    DOMAIN_LAPSED = "domain.lapsed"
    DOMAIN_GIVEN_UP = "domain.given-up"
    DOMAIN_APPROVAL = "domain.approval"
    FACTOR_ADDED = "factor.added"
    FACTOR_REMOVED = "factor.removed"
    RECOVERY_CODE_USED = "factor.recovery-code-used"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    TOKEN_CREATED = "token.created"  # noqa: S105 - a word of the log
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the same


async def record(
    connection: AsyncConnection,
    action: Action,
    *,
    actor: str,
    at: int,
    network: NetworkId | None,
    subject: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append what `actor` did to `subject`. `detail` holds no secrets; `at` is Unix seconds."""
    await store.add(
        connection,
        at=at,
        actor=actor[:255],
        action=action.value,
        network=network,
        subject=subject[:255],
        detail=msgspec.json.encode(dict(detail or {})).decode(),
    )


async def deleted_networks(connection: AsyncConnection) -> list[NetworkId]:
    """The networks that were here."""
    return await store.read_networks(connection, Action.NETWORK_DELETED.value)


class Audit:
    """The log as it is read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(
        self, network: NetworkId | None, *, after: ByNumber | None, limit: int, action: str
    ) -> list[AuditRow]:
        """So many rows behind a place, of one network or all, the newest first."""
        async with self._database.read() as connection:
            return await store.read_newest(connection, network, after=after, limit=limit, action=action)
