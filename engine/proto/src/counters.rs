//! What happened, by name: every packet that goes nowhere is counted under one reason.

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)*) => {
        /// Sums since the machine was made.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)*
        }

        impl Counters {
            /// Each counter with its name, in the order of the declaration.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

pub(crate) use counters;

counters! {
    /// Datagrams given to `open_batch`.
    rx_datagrams,
    /// Their bytes.
    rx_bytes,
    /// Inner packets opened and handed on.
    rx_packets,
    /// Datagrams sealed or answered.
    tx_datagrams,
    /// Their bytes.
    tx_bytes,
    /// Inner packets sealed.
    tx_packets,
    /// Packets that were cut to fit the peer's path.
    tx_fragmented,
    /// 'Packet too big' answers for this host.
    tx_too_big,
    /// SYNs, both ways, whose MSS was more than what the peer's path carries.
    mss_clamped,
    /// TCP acknowledgements that the next one, read in the same turn, made needless.
    tx_acks_spared,
    /// Keepalives received.
    rx_keepalives,
    /// Keepalives sent.
    tx_keepalives,
    /// Initiations sent.
    tx_initiations,
    /// Responses sent.
    tx_responses,
    /// Cookie replies sent.
    tx_cookie_replies,
    /// Initiations accepted.
    rx_initiations,
    /// Responses accepted.
    rx_responses,
    /// Cookie replies accepted.
    rx_cookie_replies,
    /// Dropped: neither WireGuard, nor STUN, nor a probe.
    drop_not_ours,
    /// Dropped: looks like WireGuard, but no message has this type and length.
    drop_malformed,
    /// Dropped: MAC1 is not for a key of ours.
    drop_mac1,
    /// Dropped: this very initiation was seen before.
    drop_initiation_seen,
    /// Dropped: a cookie was asked for instead.
    drop_under_load,
    /// Dropped: the source proved its address but asks too often, or the engine does its most.
    drop_handshake_rate,
    /// Dropped: the handshake did not decrypt.
    drop_handshake_invalid,
    /// Dropped: an initiation from a static key that no peer has.
    drop_unknown_initiator,
    /// Dropped: an initiation's stamp is not newer than the last one's.
    drop_stamp_old,
    /// Dropped: no handshake or session has this index.
    drop_unknown_index,
    /// Dropped: a cookie reply that does not belong to the last message.
    drop_cookie_invalid,
    /// Dropped: the session is too old, or sealed too many packets.
    drop_session_expired,
    /// Dropped: seen before, or older than the replay window.
    drop_replay,
    /// Dropped: the tag is wrong.
    drop_auth,
    /// Dropped: what was inside is not IP, or its length is wrong.
    drop_inner_malformed,
    /// Dropped: the inner source is not the peer's.
    drop_inner_source,
    /// Dropped: the peer's gate is shut (inbound).
    drop_gate_in,
    /// Dropped: the peer's gate is shut (outbound).
    drop_gate_out,
    /// Dropped by the filter: no rule lets a peer open this flow.
    drop_filter_no_rule_in,
    /// Dropped by the filter: no rule lets this machine open this flow.
    drop_filter_no_rule_out,
    /// Dropped by the filter: an answer to nothing, or TCP without a beginning.
    drop_filter_not_opened,
    /// Dropped by the filter: the flow's rule was withdrawn.
    drop_filter_withdrawn,
    /// Dropped by the filter: headers cut or contradictory.
    drop_filter_malformed,
    /// Dropped by the filter: a fragment without its first one, or a first one that hides its ports.
    drop_filter_fragment,
    /// Dropped by the filter: a source route, or too many extension headers.
    drop_filter_headers,
    /// Dropped: no peer has this destination.
    drop_no_route,
    /// Dropped: a packet to send is not IP.
    drop_not_ip,
    /// Dropped: a packet to send that the TUN described in a way that cannot be.
    drop_superpacket,
    /// Dropped: a packet to send is longer than the MTU.
    drop_packet_too_long,
    /// Dropped: a packet to send is longer than what the peer's path carries, and may not be cut.
    drop_path_mtu,
    /// Dropped: no room before or behind a packet for header and tag.
    drop_no_room,
    /// Dropped: the oldest of a peer's waiting packets made room for a newer one.
    drop_staged_oldest,
    /// Dropped: as many bytes wait as may wait in all.
    drop_staged_full,
    /// Dropped: waited for longer than a packet is worth.
    drop_staged_old,
    /// Dropped: waited until the handshake was given up, or the peer went.
    drop_staged_gave_up,
    /// Dropped: for another worker, and too many such waited, or it is not that worker's either by now.
    drop_stray,
    /// Dropped: the queue of answers was full.
    drop_transmit_full,
    /// Dropped: no random index was free.
    drop_no_index,
    /// Dropped: a STUN answer without a live transaction, or of a wrong length.
    drop_stun,
    /// Dropped: no probe key has this hint.
    drop_probe_unknown,
    /// Dropped: the probe's tag is wrong, or its length.
    drop_probe_invalid,
    /// Dropped: probes of this source, or in all, come too often.
    drop_probe_rate,
    /// Dropped: a pong that answers no ping on its way.
    drop_pong_unknown,
}

/// One more.
pub(crate) fn count(counter: &mut u64) {
    add(counter, 1);
}

/// So many more.
pub(crate) fn add(counter: &mut u64, many: usize) {
    *counter = counter.saturating_add(many as u64);
}
