"""`/api/v1/networks/{network}/policy`: GET shows the access policy, PUT replaces it.

`{network}` is a name or an id in hex.
"""

import msgspec


class PolicyProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that matches nothing, or a name in one that is nobody's, and why; line and column count from 1."""

    line: int
    column: int
    text: str


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy's text, what is wrong in it, what may be: users and groups that the network does not have (yet)."""

    text: str
    problems: tuple[PolicyProblem, ...] = ()
    warnings: tuple[PolicyProblem, ...] = ()


class PolicySet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The new text, whole (`warren.policy.language`). `check`: only say what is wrong in it, nothing is set."""

    text: str
    check: bool = False
