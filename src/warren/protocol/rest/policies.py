"""`/api/v1/networks/{network}/policy`: GET shows the access policy, PUT replaces it.

`{network}` is a name or an id in hex.
"""

import msgspec


class PolicyProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that matches nothing, and why; line and column count from 1."""

    line: int
    column: int
    text: str


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's text as it was set, and what is wrong in it."""

    text: str
    problems: tuple[PolicyProblem, ...] = ()


class PolicySet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new text, whole (`warren.policy.language`)."""

    text: str
