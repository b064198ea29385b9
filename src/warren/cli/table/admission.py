"""Commands about who comes into a network: by a pre-auth key, an invite, as a person who is asked or asks, by a mail
domain."""

from warren.cli.grammar import Argument, Command, Flag, Kind
from warren.cli.table.flags import SERVER

KEYS = (
    Command(
        ("key", "create"),
        "make a pre-auth key; the key, and nothing else, goes to standard output",
        "key:create",
        flags=(
            SERVER,
            Flag("reusable", "admits any number of machines until it expires or is revoked"),
            Flag("ephemeral", "machines that join with it are forgotten a few hours after they were last seen"),
            Flag(
                "tag", "machines that join with it carry this tag; may be given again", Kind.TEXT, "TAG", is_many=True
            ),
            Flag("expires", "how long it admits", Kind.DURATION, "DURATION", default="1h"),
        ),
        examples=(
            ("warren key create --server /var/lib/warren-server", "on the server's machine, no login needed"),
            ("warren key create --reusable --expires 7d --tag ci > key", "only the key lands in the file"),
        ),
        text="The server keeps the public half only: a lost key cannot be shown again.",
    ),
    Command(
        ("key", "list"),
        "list keys: what they admit, whether they are used, expired or revoked",
        "key:list_keys",
        flags=(SERVER,),
        examples=(("warren key list", ""),),
    ),
    Command(
        ("key", "revoke"),
        "end a key; members that it admitted stay",
        "key:revoke",
        flags=(SERVER,),
        arguments=(Argument("id", "the key's id, as `warren key list` shows it"),),
        examples=(("warren key revoke k3jd82hs0a", ""),),
    ),
)

INVITES = (
    Command(
        ("invite", "create"),
        "make an invite, signed by this machine; its link, and nothing else, goes to standard output",
        "invite:create",
        flags=(
            Flag("hostname", "what the machine is called that joins with it", Kind.TEXT, "NAME", whose="member"),
            Flag("uses", "how many machines it admits", Kind.NUMBER, "N", default="1"),
            Flag("expires", "how long it admits", Kind.DURATION, "DURATION", default="1d"),
            Flag(
                "tag", "machines that join with it carry this tag; may be given again", Kind.TEXT, "TAG", is_many=True
            ),
        ),
        examples=(("warren invite create --hostname phone", "then there: warren up --invite LINK"),),
    ),
    Command(
        ("invite", "user"),
        "invite a user of the server into a network, or let one in who asked",
        "invitations:invite_user",
        flags=(SERVER, Flag("text", "a line for them to read", Kind.TEXT, "TEXT")),
        arguments=(Argument("user", "their id, or their name where one account alone has it"),),
        examples=(("warren invite user alice --network lab", "she accepts on her account's page, or by the CLI"),),
    ),
    Command(
        ("invite", "list"),
        "list who is invited into a network and who asks to be let in",
        "invitations:list_invitations",
        flags=(SERVER,),
        examples=(("warren invite list", ""),),
    ),
    Command(
        ("invite", "withdraw"),
        "withdraw an invitation, deny a question, or end a plain member's role",
        "invitations:withdraw",
        flags=(SERVER,),
        arguments=(Argument("user", "their id, or their name where one account alone has it"),),
        examples=(("warren invite withdraw alice", "machines that she added stay until they are kicked"),),
        text="Who was denied or put out is not brought back by their mail domain: only `warren invite user` does that.",
    ),
    Command(
        ("invite", "mine"),
        "list your own invitations and questions",
        "invitations:mine",
        flags=(SERVER,),
        examples=(("warren invite mine", ""),),
    ),
    Command(
        ("invite", "accept"),
        "accept an invitation: then add machines by `warren up --server URL`",
        "invitations:accept",
        flags=(SERVER,),
        arguments=(Argument("network", "the network's name"),),
        examples=(("warren invite accept lab", ""),),
    ),
    Command(
        ("invite", "decline"),
        "decline an invitation, or take back what you asked",
        "invitations:decline",
        flags=(SERVER,),
        arguments=(Argument("network", "the network's name"),),
        examples=(("warren invite decline lab", ""),),
    ),
    Command(
        ("invite", "revoke"),
        "end an invite, and the memberships that it gave",
        "invite:revoke",
        arguments=(Argument("id", "the invite's id, as in its link"),),
        examples=(("warren invite revoke k3jd82hs0a", ""),),
    ),
)

ASKED = (
    Command(
        ("network", "listed"),
        "list the networks that you may ask to be let into",
        "invitations:listed",
        flags=(SERVER,),
        examples=(("warren network listed", ""),),
    ),
    Command(
        ("network", "ask"),
        "ask to be let into a listed network; one of its admins decides",
        "invitations:ask",
        flags=(SERVER, Flag("text", "a line for them to read", Kind.TEXT, "TEXT")),
        arguments=(Argument("name", "the network's name"),),
        examples=(('warren network ask lab --text "I am the new one"', ""),),
    ),
    Command(
        ("network", "publish"),
        "list a network on its server, so that people may ask to be let in",
        "invitations:publish",
        flags=(
            SERVER,
            Flag("text", "what it is about", Kind.TEXT, "TEXT"),
            Flag("off", "list it no more"),
        ),
        arguments=(Argument("name", "the network's name"),),
        examples=(('warren network publish lab --text "everybody of the third floor"', ""),),
    ),
)

DOMAINS = (
    Command(
        ("network", "domain", "list"),
        "list the mail domains whose people come into a network by signing on",
        "domain:list_domains",
        flags=(SERVER,),
        examples=(("warren network domain list --network corp", ""),),
    ),
    Command(
        ("network", "domain", "prove"),
        "prove by a TXT record that a mail domain is yours; again: look for that record",
        "domain:prove",
        flags=(
            SERVER,
            Flag("provider", "whose word counts: the id or issuer of one of the server's", Kind.TEXT, "ID"),
        ),
        arguments=(Argument("domain", "the mail domain"),),
        examples=(
            ("warren network domain prove corp.example --network corp", "by the provider that you sign on by"),
            ("warren network domain prove corp.example --provider login", "by this one of the server's"),
        ),
        text="People whose mail address there is verified by that provider come in by signing on; other providers'\n"
        "word of such addresses does not count. The record is looked for once a day; a week after it was seen last\n"
        "the domain is not the network's any more.",
    ),
    Command(
        ("network", "domain", "give-up"),
        "have nobody come by a mail domain any more; who did stays",
        "domain:give_up",
        flags=(SERVER,),
        arguments=(Argument("domain", "the mail domain"),),
        examples=(("warren network domain give-up corp.example --network corp", ""),),
    ),
    Command(
        ("network", "domain", "approve"),
        "say whether who comes by a mail domain waits for an admin",
        "domain:approve",
        flags=(SERVER,),
        arguments=(Argument("whom", "each or nobody"),),
        examples=(("warren network domain approve each --network corp", "then: warren invite list, invite user"),),
    ),
)
