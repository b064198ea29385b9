//! What happened to STUN and TURN, by name.

use crate::counters::counters;

counters! {
    /// Messages of clients, data included.
    messages,
    /// Binding requests answered.
    bindings,
    /// Allocations made.
    allocations_made,
    /// Allocations that ran out or were ended.
    allocations_ended,
    /// Payload bytes from clients to peers.
    bytes_to_peers,
    /// Payload bytes from peers to clients.
    bytes_to_clients,
    /// Datagrams from clients to peers.
    datagrams_to_peers,
    /// Datagrams from peers to clients.
    datagrams_to_clients,
    /// Requests refused with an error, challenges left out.
    refused,
    /// Requests answered with a challenge (401 or 438).
    challenged,
    /// Peers denied by address (403, or dropped).
    denied_peers,
    /// Allocations refused because of a quota (486 or 508).
    denied_quota,
    /// Dropped: neither STUN nor channel data, or not well formed.
    drop_malformed,
    /// Dropped: this source asks too often.
    drop_rate,
    /// Dropped: the answer would be larger than what the source sent.
    drop_no_credit,
    /// Dropped: a message that no client sends, or a method that is not served.
    drop_not_served,
    /// Dropped: data without an allocation or channel.
    drop_no_allocation,
    /// Dropped: data to or from an address without permission.
    drop_no_permission,
    /// Dropped: more bytes a second than the user, or all, may have.
    drop_bandwidth,
}
