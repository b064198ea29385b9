"""Commands of people who sign on to a server, and of what programs show there in their name."""

from warren.cli.grammar import Argument, Command, Flag, Kind
from warren.cli.table.flags import SERVER, USER

PEOPLE = (
    Command(
        ("login",),
        "sign on to a server: prints a link and a code to type there, in any browser",
        "login:login",
        flags=(
            SERVER,
            Flag("token", "keep this API token instead: file:PATH, or - for standard input", Kind.SECRET, "WHERE"),
        ),
        examples=(("warren login --server https://vpn.example.org", "then: warren network list --server …"),),
        text="What the server gives may manage your networks for 90 days; it cannot administer the server.",
    ),
    Command(
        ("logout",),
        "sign off: revoke this machine's token and forget it",
        "login:logout",
        flags=(SERVER,),
        examples=(("warren logout --server https://vpn.example.org", ""),),
    ),
    Command(
        ("user", "create"),
        "make a user of the server, who signs on with a name and password",
        "user:create",
        flags=(
            SERVER,
            Flag("password", "where the password is: file:PATH, or - for standard input", Kind.SECRET, "WHERE"),
            Flag("admin", "of the server, not only of networks"),
        ),
        arguments=(Argument("name", "the name to sign on with"),),
        examples=(("warren user create alice --server /var/lib/warren-server", "asks for the password"),),
    ),
    Command(
        ("user", "list"),
        "list the users of the server",
        "user:list_users",
        flags=(SERVER,),
        examples=(("warren user list", ""),),
    ),
    Command(
        ("user", "disable"),
        "shut a user out; their tokens and sessions end, their machines are removed from every network",
        "user:disable",
        flags=(SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user disable alice", ""),),
    ),
    Command(
        ("user", "reset"),
        "take a user's second factors away: they lost their phone and their recovery codes",
        "user:reset",
        flags=(SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user reset alice", "app, passkeys and recovery codes; every session ends"),),
    ),
    Command(
        ("user", "enable"),
        "let a user in again who was shut out",
        "user:enable",
        flags=(SERVER,),
        arguments=(Argument("name", "the user's name or id"),),
        examples=(("warren user enable alice", ""),),
    ),
    Command(
        ("token", "create"),
        "make an API token; the token, and nothing else, goes to standard output",
        "token:create",
        flags=(
            SERVER,
            USER,
            Flag("name", "what it is for", Kind.TEXT, "TEXT"),
            Flag("scope", "what it may: read, manage or admin", Kind.TEXT, "SCOPE", default="manage"),
            Flag("expires", "how long it is good", Kind.DURATION, "DURATION", default="90d"),
        ),
        examples=(
            ("warren token create --server DIR --user alice > token", "on the server's machine"),
            ("warren token create --scope read --name backup", "programs give it in WARREN_TOKEN, beside --server URL"),
        ),
        text="The server keeps a digest only: a lost token cannot be shown again.",
    ),
    Command(
        ("token", "list"),
        "list API tokens",
        "token:list_tokens",
        flags=(SERVER, USER),
        examples=(("warren token list", ""),),
    ),
    Command(
        ("token", "revoke"),
        "end an API token",
        "token:revoke",
        flags=(SERVER, USER),
        arguments=(Argument("id", "the token's id, as `warren token list` shows it"),),
        examples=(("warren token revoke k3jd82hs0a", ""),),
    ),
)
