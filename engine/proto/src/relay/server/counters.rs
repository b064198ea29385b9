//! What the relay counts, by name; nothing is dropped uncounted.

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// Sums since the relay was made.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Counters {
            /// Each counter with its name, in the order of the declaration.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Frames taken, of all kinds.
    rx_frames,
    /// Their bytes.
    rx_bytes,
    /// Payload frames forwarded.
    forwarded_frames,
    /// Their bytes.
    forwarded_bytes,
    /// Cookies handed out.
    cookies,
    /// Proofs that were accepted.
    proofs,
    /// Sessions that began.
    sessions,
    /// Sessions that took the place of an older one of the same identity.
    takeovers,
    /// Sessions that ended, for any reason but that.
    ended,
    /// Addresses of sessions that moved.
    moves,
    /// Channels that opened.
    channels,
    /// Refused: malformed grant or certificate, or they do not belong together.
    refused_malformed,
    /// Refused: signer not trusted.
    refused_signer,
    /// Refused: a signature is wrong.
    refused_signature,
    /// Refused: ended, or not begun.
    refused_expired,
    /// Refused: for other relays.
    refused_other_relay,
    /// Refused: revoked.
    refused_revoked,
    /// Refused: no room for another member.
    refused_full,
    /// Dropped: not a frame, or not one for a relay.
    drop_malformed,
    /// Dropped: no session has this number.
    drop_unknown_session,
    /// Dropped: the tag is wrong.
    drop_forged,
    /// Dropped: seen before, or far too late.
    drop_replayed,
    /// Dropped: over another line than the session's.
    drop_other_line,
    /// Dropped: the channel leads nowhere.
    drop_unknown_channel,
    /// Dropped: the client had its fill.
    drop_client_limit,
    /// Dropped: its network had its fill.
    drop_network_limit,
    /// Dropped: the relay had its fill.
    drop_total_limit,
    /// Dropped: too many hellos of one source.
    drop_hello_rate,
    /// Dropped: the cookie is not one of ours, or is old.
    drop_cookie,
    /// Dropped: too many proofs, of one source or in all.
    drop_proof_rate,
    /// Dropped: a proof that is not sealed by the session key that it names.
    drop_proof_forged,
    /// Dropped: too many control frames of one session.
    drop_control_rate,
    /// Forgotten: a session that nobody confirmed, in time or before others needed its place.
    pending_forgotten,
    /// Dropped: frames of our own for which there was no room.
    drop_outgoing_full,
}

/// One more.
#[inline]
pub(super) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
