"""Signed documents: who may sign what, and what a node may believe.

Decides which facts are true for this network: who is a member, with which keys, names and addresses, and under which
policy. Must not know sockets, files, clocks or what the engine does with the facts. Start reading in `documents.py`
(what there is to sign), then `authenticate.py` (bytes to `Authentic`), then `verify.py` (`Authentic`s to one `View`).

    documents.py      Genesis Settings Delegation Membership NodeRecord Policy Removal Head Recovery RootChange,
                      Kind, Right, subject_of
    signing.py        sign, make_genesis
    ed25519.py        the strict signature check
    authenticate.py   authenticate, read_genesis -> Authentic | Refusal
    floors.py         Floors: what a node never goes back behind; encode, decode
    lineage.py        which key is the root now; electorate.py: who votes for another where it is lost
    authority.py      chains of delegations, from the root down
    members.py        memberships, records, and what two of them claim at once
    view.py           View, VerifiedMember: what verify returns
    verify.py         verify
    changes.py        what differs between two views
    sealing.py        seal, open_sealed: path key to path key
    founding.py       what a network begins with
    office.py         admins, registrars, whether a network is locked
    acts.py           what owners and admins do; batches.py: a Draft becomes a Batch; showing.py: it in words
    successions.py    what changing or recovering the root takes
    words.py          the code by which two people compare a machine
    root_key.py       wr.… lines
    admission_key.py  wk.… keys
"""
