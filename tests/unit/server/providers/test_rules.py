"""What a provider's word is worth: mail domains, tenants, groups, labels."""

from typing import Any

import pytest

from warren.errors import Code, WarrenError
from warren.limits import GROUPS_MAX
from warren.server.providers.rules import network_names, person_of, vouched_domain
from warren.server.providers.settings import Provider

SAID: dict[str, Any] = {"sub": "1", "email": "anna@corp.example", "email_verified": True}


def provider(**fields: Any) -> Provider:
    return Provider(id="p", name="P", issuer="https://p.example", client_id="w", **fields)


@pytest.mark.parametrize(
    ("settings", "said", "domain"),
    [
        ({"domains": ("corp.example",)}, {}, "corp.example"),
        ({"domains": ("corp.example",)}, {"email": "Anna@CORP.example"}, "corp.example"),
        ({"domains": ("corp.example",)}, {"email_verified": "true"}, "corp.example"),
        ({"domains": ("corp.example",)}, {"email_verified": 1}, None),
        ({"domains": ("corp.example",)}, {"email": "anna@sub.corp.example"}, None),
        ({"domains": ("corp.example",)}, {"email": "anna@corp.examp\u212be"}, None),
        ({"domain_claim": "hd"}, {}, None),
        ({"domain_claim": "hd"}, {"hd": "corp.example"}, "corp.example"),
        ({"domain_claim": "hd"}, {"hd": "other.example"}, None),
        ({"domain_claim": "hd"}, {"hd": ["corp.example"]}, None),
        ({"domain_claim": "hd"}, {"hd": "gmail.com", "email": "anna@gmail.com"}, None),
        ({"open": True}, {"hd": "corp.example"}, None),
    ],
)
def test_a_mail_domain_counts_where_the_provider_vouches_for_all_of_it(
    settings: dict[str, Any], said: dict[str, Any], domain: str | None
) -> None:
    assert vouched_domain(SAID | said, provider(**settings)) == domain


def test_another_tenant_does_not_sign_on() -> None:
    ours = provider(require={"tid": "a"})
    assert person_of(SAID | {"tid": "a"}, ours).subject == "1"
    for tenant in ({"tid": "b"}, {}, {"tid": ["a"]}):
        with pytest.raises(WarrenError):
            person_of(SAID | tenant, ours)


def test_groups_are_bounded_and_printable() -> None:
    said = SAID | {"groups": ["ops", "ops", "\u202eevil", 7, "x" * 200, "", *(f"g{number}" for number in range(100))]}
    groups = person_of(said, provider(open=True)).groups
    assert len(groups) == GROUPS_MAX
    assert not any("\u202e" in one or len(one) > 100 or not one for one in groups)
    assert person_of(SAID | {"groups": "ops"}, provider(open=True)).groups == ("ops",)
    assert person_of(SAID | {"roles": ["a"]}, provider(open=True, groups_claim="roles")).groups == ("a",)


def test_a_label_hides_nothing() -> None:
    person = person_of({"sub": "1", "name": "a\u202eb"}, provider(open=True))
    assert person.name == "a\\u202eb"


def test_a_proved_domain_says_where_somebody_belongs_and_lets_nobody_in_whom_the_settings_do_not() -> None:
    """Whoever owns a network may prove a domain of theirs: else it would be a key to the server's door."""
    claims = {"sub": "1", "email": "a@evil.example", "email_verified": True}
    with pytest.raises(WarrenError) as refused:
        person_of(claims, provider(domains=("corp.example",)), {"evil.example"})
    assert refused.value.code is Code.FORBIDDEN
    assert person_of(claims, provider(open=True), {"evil.example"}).domain == "evil.example"


@pytest.mark.parametrize(
    ("hosted", "domain"),
    [
        (None, "corp.example"),
        ("corp.example", "corp.example"),
        ("evil.example", None),
        (["corp.example"], None),
        ("", None),
    ],
)
def test_a_proof_does_not_outweigh_a_provider_that_says_where_somebody_belongs(
    hosted: object, domain: str | None
) -> None:
    """The admin of another tenant gives their people any address, and may well verify it."""
    said = SAID if hosted is None else SAID | {"hd": hosted}
    assert vouched_domain(said, provider(domain_claim="hd"), {"corp.example"}) == domain


def test_the_network_of_a_domain_is_called_after_it() -> None:
    assert network_names("corp.example")[:2] == ("corp-example", "corp-example-2")
    assert len(network_names("a" * 63 + ".example")[8]) <= 63
