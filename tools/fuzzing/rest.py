"""REST: every body that the server takes, as it takes them; every answer that the CLI reads; forms of its pages."""

import msgspec
from litestar.exceptions import ClientException, SerializationException
from litestar.serialization import default_deserializer

from tools.fuzzing.documents import PARSERS as OF_DOCUMENTS
from tools.fuzzing.parser import Check, Parser, require
from warren.client.rest import read_answer
from warren.errors import Code, WarrenError
from warren.limits import FORM_MAX_FIELDS
from warren.model import names, prefixes
from warren.model.names import printable
from warren.policy import language
from warren.protocol.rest import device, domains, invitations, keys, members, networks, paging, policies, tokens, users
from warren.server.accounts import rules as accounts
from warren.server.bodies import read_cookies, read_json
from warren.server.domains import rules as domain_rules
from warren.server.invitations.rules import parse_text
from warren.server.networks.founding import adopted
from warren.server.repeats.rules import KEY_MAX_CHARS, parse_key
from warren.server.signon.browsers import fields_of
from warren.server.words import check_value

_NOW = 1_700_000_000


def _then_user(body: msgspec.Struct) -> None:
    if isinstance(body, users.UserCreate):
        accounts.check_password(body.password, accounts.parse_user_name(body.name))


def _then_domain(body: msgspec.Struct) -> None:
    if isinstance(body, domains.DomainProof):
        domain = domain_rules.parse_domain(body.domain)
        require(
            domain_rules.parse_domain(domain) == domain and len(domain_rules.record_name(domain)) <= 253, "too long"
        )


def _then_token(body: msgspec.Struct) -> None:
    if isinstance(body, tokens.TokenCreate):
        require(accounts.parse_scopes((body.scope,)), "a token without a scope")


def _then_network(body: msgspec.Struct) -> None:
    if isinstance(body, networks.NetworkCreate):
        names.parse_network_name(body.name)
        if body.prefix is not None:
            prefixes.parse_prefix(body.prefix)
        if body.prefix6 is not None:
            prefixes.parse_prefix6(body.prefix6)
        if body.genesis:
            adopted(body.genesis, body.documents, _NOW)


def _then_key(body: msgspec.Struct) -> None:
    if isinstance(body, keys.KeyCreate):
        for tag in body.tags:
            names.parse_tag(tag)


def _then_text(body: msgspec.Struct) -> None:
    if isinstance(body, invitations.Invite | invitations.Said):
        text = parse_text(body.text)
        require(text == printable(text), f"a text that a terminal obeys: {text!r}")


def _then_policy(body: msgspec.Struct) -> None:
    if isinstance(body, policies.PolicySet):
        language.parse(body.text.encode())


def _cookies(data: bytes) -> bool:
    found = read_cookies(data.decode("latin-1"))
    told = "; ".join(f"{name}={value}" for name, value in found.items())
    require(read_cookies(told) == found, "it reads back differently")
    return bool(found)


def _converted(data: bytes, kind: type[msgspec.Struct]) -> msgspec.Struct:
    """As the framework makes a route's argument of a body."""
    return msgspec.convert(read_json(data), kind, strict=False, dec_hook=default_deserializer, str_keys=True)


def _body_of(kind: type[msgspec.Struct], then: object = None) -> Check:
    def check(data: bytes) -> bool:
        try:
            body = _converted(data, kind)
        except (ClientException, SerializationException, msgspec.ValidationError):
            return False
        except WarrenError as error:
            require(error.code is Code.INVALID_ARGUMENT, f"refused with {error.code}")
            return False
        check_value(msgspec.to_builtins(body))  # a bug where it finds anything: what was read has no such text
        require(_converted(msgspec.json.encode(body), kind) == body, "it reads back differently")
        if callable(then):
            try:
                then(body)
            except WarrenError as error:
                require(error.text == printable(error.text), f"a refusal that a terminal obeys: {error.text!r}")
                require(error.code is not Code.INTERNAL, "a refusal without a reason")
        return True

    return check


_KEY = (
    b'{"id":"a","network":"n","reusable":true,"ephemeral":false,"tags":["t"],"state":"live","uses":1,"created_at":1,'
    b'"expires_at":2.5,"used_at":null,"revoked_at":3,"uses_max":4}'
)
_MEMBER = (
    b'{"identity":"00","name":"a","fqdn":"a.n","addresses":["100.96.0.2"],"user":"u","tags":[],"ephemeral":false,'
    b'"online":true,"joined_at":1,"last_seen":2,"expires_at":null,"os":"x","key_id":null}'
)
_SHOWN = (
    b'{"id":"00","name":"n","suffix":"n.x","prefixes":["100.96.0.0/16"],"root":"owner","root_key":"00","server_key":"00",'
    b'"locked":false,"members":1,"online":1,"created_at":1.5}'
)
_USER = b'{"id":"1","issuer":"local","subject":"a","name":"a","admin":true,"created_at":1,"groups":["g"]}'
_TOKEN = b'{"id":"1","name":"n","scope":"read","state":"live","created_at":1,"expires_at":2}'
_ASKED = b'{"secret":"s","code":"BCDF-GHJK","url":"https://a/device","interval_s":2,"expires_s":300}'
_POLLED = b'{"state":"approved","token":"wt.a.b","name":"ann","key_id":"k","pin":"p","network":"n"}'
_FOUNDING = b'{"url":"https://a","server_key":"00","registrar":"00","prefixes":["100.96.0.0/16"]}'
_ANSWERS: tuple[tuple[type[msgspec.Struct], bytes], ...] = (
    (networks.Networks, b'{"networks":[%b]}' % _SHOWN),
    (networks.TakenOver, b'{"network":%b,"secret":"wr.x"}' % _SHOWN),
    (keys.Keys, b'{"keys":[%b]}' % _KEY),
    (keys.KeyCreated, b'{"secret":"wk.x","key":%b}' % _KEY),
    (members.Members, b'{"members":[%b]}' % _MEMBER),
    (members.Kicked, b'{"member":%b,"revoked_key":"k"}' % _MEMBER),
    (users.Users, b'{"users":[%b]}' % _USER),
    (users.Me, b'{"name":"a","admin":true,"scopes":["read"],"user":%b}' % _USER),
    (tokens.Tokens, b'{"tokens":[%b]}' % _TOKEN),
    (tokens.TokenCreated, b'{"secret":"wt.x","token":%b}' % _TOKEN),
    (device.DeviceAsked, _ASKED),
    (device.DevicePolled, _POLLED),
    (networks.Founding, _FOUNDING),
    (invitations.Came, b'{"network":"n","user":"u","state":"in"}'),
    (invitations.Listing, b'{"networks":[{"name":"n","about":"a","state":"out"}]}'),
    (domains.Domains, b'{"approve":true,"domains":[{"domain":"a.b","is_in_force":true,"seen_at":1.5}]}'),
    (policies.Policy, b'{"text":"{}","problems":[{"line":1,"column":2,"text":"t"}]}'),
)


def check_answer(data: bytes) -> bool:
    """A hostile server's answer (the first byte says to what, with which status): a value, or one error with a code.

    What the CLI prints of it goes through `printable` there.
    """
    if not data:
        return False
    kind, status = _ANSWERS[data[0] % len(_ANSWERS)][0], (200, 404)[data[0] >> 7]
    try:
        answer = read_answer("the server", status, data[1:], kind)
    except WarrenError as error:
        require(error.code in Code, "an error without a code")
        return status == 404 and error.code is not Code.MALFORMED
    require(status == 200, "a refusal is an answer")
    require(msgspec.json.decode(msgspec.json.encode(answer), type=kind) == answer, "it reads back differently")
    return True


def check_form(data: bytes) -> bool:
    """A form's body: few fields of text, or a refusal."""
    try:
        fields = fields_of(data)
    except WarrenError as error:
        require(error.code in {Code.INVALID_ARGUMENT, Code.TOO_LARGE}, f"refused with {error.code}")
        return False
    require("\0" not in "".join([*fields, *fields.values()]), "text that no database takes")
    require(len(fields) <= FORM_MAX_FIELDS, "more fields than may be")
    require(sum(map(len, [*fields, *fields.values()])) <= len(data), "more text than there was")
    return bool(fields)


_PLACES: tuple[paging.Place, ...] = (
    paging.ByNumber(1),
    paging.ByName("a", bytes(32)),
    paging.ByDate(1_700_000_000, "uabcdefghij"),
    paging.ByDateAndNetwork(1_700_000_000, bytes(32)),
    paging.ByDateAndPair(1_700_000_000, "uabcdefghij", bytes(32)),
)


def check_cursor(data: bytes) -> bool:
    """A cursor (the first byte says of which list): the place that is written just so, or one refusal."""
    if not data:
        return False
    text, kind = data[1:].decode("latin-1"), type(_PLACES[data[0] % len(_PLACES)])
    try:
        place = paging.parse_cursor(text, kind)
    except WarrenError as error:
        require(error.code is Code.INVALID_ARGUMENT, f"refused with {error.code}")
        return False
    require(paging.show_cursor(place) == text, "it reads back differently")
    for value in msgspec.structs.astuple(place):
        require(not isinstance(value, str) or "\0" not in value, "text that no column takes")
        require(not isinstance(value, int) or 0 <= value < 2**63, "a number that no column takes")
    return True


def check_repeat_key(data: bytes) -> bool:
    """The header `Idempotency-Key`, as the server hands it on."""
    try:
        key = parse_key(data.decode("latin-1"))
    except WarrenError as error:
        require(error.code is Code.INVALID_ARGUMENT, f"refused with {error.code}")
        return False
    require(key.isascii() and key.isprintable() and 0 < len(key) <= KEY_MAX_CHARS, "a key that is none")
    return True


_GENESIS = next(parser.seeds[0] for parser in OF_DOCUMENTS if parser.name == "genesis")
_DOCUMENTS = next(parser.seeds[1:3] for parser in OF_DOCUMENTS if parser.name == "document")
_FOUNDED = msgspec.json.encode(networks.NetworkCreate(name="n", genesis=_GENESIS, documents=_DOCUMENTS))
_NETWORK = b'{"name":"n","prefix":"100.96.0.0/16","prefix6":"fd00:1:2:3::/64"}'
_PROOF = b'{"proof":"' + b"ab" * 64 + b'"}'
_RENEWAL = b'{"key_id":"abcdefghij","signature":"' + b"ab" * 64 + b'"}'
_ANN = b'{"name":"ann","password":"a few words"}'
_FORM = b"name=ann&password=a+few%20words&next=%2Fdevice&csrf="
_PROBLEM = b'\x80{"code":"E_X","title":"t","status":404,"detail":"d"}'
_ASK = b'{"hostname":"cam","system":"Linux","join":"' + b"ab" * 32 + b'","network":"n"}'
_POLICY = msgspec.json.encode(policies.PolicySet(text=language.DEFAULT_TEXT.decode()))
_WORDS = (
    b"null",
    b"{}",
    b"[]",
    b"1e400",
    b'"',
    b'"x":',
    b"true",
    b"99999999999999999999",
    b"[" * 3000,
    b"\\ud800",
    b"::",
)

PARSERS = (
    Parser(
        "cursor",
        tuple(bytes([number]) + paging.show_cursor(place).encode() for number, place in enumerate(_PLACES)),
        check_cursor,
        (b"WyJuIiwxXQ", b"-_", b"="),
    ),
    Parser("repeat_key", (b"8e03978e-40d5-43dd-bc93-6894a57f9324", b'"quoted"'), check_repeat_key, (b'"', b" ")),
    Parser("body_device_ask", (_ASK, b"{}"), _body_of(device.DeviceAsk), _WORDS),
    Parser("body_device_poll", (b'{"secret":"s","wait_s":1}',), _body_of(device.DevicePoll), _WORDS),
    Parser(
        "body_user_create",
        (b'{"name":"ann","password":"a few words"}',),
        _body_of(users.UserCreate, _then_user),
        _WORDS,
    ),
    Parser("body_user_change", (b'{"disabled":true}',), _body_of(users.UserChange), _WORDS),
    Parser(
        "body_token_create",
        (b'{"name":"n","scope":"manage","expires_s":3600}',),
        _body_of(tokens.TokenCreate, _then_token),
        _WORDS,
    ),
    Parser("body_invite", (b'{"user":"ann","text":"come in"}',), _body_of(invitations.Invite, _then_text), _WORDS),
    Parser("body_said", (b'{"text":"let me in"}', b"{}"), _body_of(invitations.Said, _then_text), _WORDS),
    Parser("cookies_rest", (b"__Host-warren=abc; a=b=c; none",), _cookies),
    Parser("body_rest_rename", (b'{"name":"n"}',), _body_of(networks.NetworkRename), _WORDS),
    Parser(
        "body_rest_domain_proof", (b'{"domain":"corp.example"}',), _body_of(domains.DomainProof, _then_domain), _WORDS
    ),
    Parser("body_rest_domains", (b'{"approve":true}',), _body_of(domains.DomainsChange), _WORDS),
    Parser("body_rest_renewal", (_RENEWAL,), _body_of(members.Renewal), _WORDS),
    Parser("body_take_over", (_PROOF, b"{}"), _body_of(networks.TakeOver), _WORDS),
    Parser("body_policy_set", (_POLICY,), _body_of(policies.PolicySet, _then_policy), _WORDS),
    Parser("body_found", (_FOUNDED, _NETWORK), _body_of(networks.NetworkCreate, _then_network), _WORDS),
    Parser("body_key_uses", (b'{"reusable":true,"uses":3,"tags":["a"]}',), _body_of(keys.KeyCreate, _then_key), _WORDS),
    Parser(
        "answer_rest",
        (
            *(bytes([n]) + seed for n, (_, seed) in enumerate(_ANSWERS)),
            _PROBLEM,
        ),
        check_answer,
        _WORDS,
    ),
    Parser("form", (_FORM,), check_form, (b"&", b"=", b"%", b";", b"+")),
)
