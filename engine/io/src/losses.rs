//! What was lost outside the pure engine, one counter a reason; the engine's own stand in `warren_proto::Counters`.

/// Sums since the tunnel was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Datagrams that the kernel refused to send.
    pub drop_send_failed: u64,
    /// Datagrams larger than their slot, from no IP address, or from port 0.
    pub drop_datagram_unfit: u64,
    /// Packets that the TUN refused (it is down, or full).
    pub drop_tun_refused: u64,
    /// Datagrams for a relay that this tunnel has no session with.
    pub drop_no_relay: u64,
    /// Datagrams for a relay that waited longest, where more came than its line took.
    pub drop_relay_slow: u64,
    /// Packets and datagrams from another worker, where too much waited already.
    pub drop_handed: u64,
}

impl Losses {
    /// Each counter with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("drop_send_failed", self.drop_send_failed),
            ("drop_datagram_unfit", self.drop_datagram_unfit),
            ("drop_tun_refused", self.drop_tun_refused),
            ("drop_no_relay", self.drop_no_relay),
            ("drop_relay_slow", self.drop_relay_slow),
            ("drop_handed", self.drop_handed),
        ]
        .into_iter()
    }
}
