//! What the caller says about the device and its peers, and how it may be wrong.

use core::fmt;

use crate::{Cipher, Endpoint, LastStamp, PeerId, Prefix, PresharedKey, PrivateKey, PublicKey, Unix, limits};

/// One device, for [`crate::Device::new`].
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// One or two: the one in use (initiations are sent with it), then the next or the previous one.
    pub private_keys: Vec<PrivateKey>,
    /// MTU of the inner link in bytes: padding never makes a packet longer.
    pub mtu: usize,
    /// Bounds of the TAI64N stamps.
    pub stamps: StampWindow,
    /// Initiations and responses handled a second; [`limits::HANDSHAKES_PER_S`] unless there is a reason.
    pub handshakes_per_s: u32,
    /// Which peers and indices are this device's.
    pub owner: Owner,
    /// What all devices of one tunnel have in common, so that the stamps of any two grow.
    pub last_stamp: LastStamp,
}

/// Stamps are `max(last + 1, clamp(wall, floor, ceiling))`, so that what is reserved on disk is never passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampWindow {
    /// No stamp is older.
    pub floor: Unix,
    /// No stamp is newer, whatever the clock says.
    pub ceiling: Unix,
}

/// The low bits of every receiver index, so that a datagram can be steered to the worker that owns its session; and of
/// the numbers of the peers that are this worker's. The others' it only knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Owner {
    /// How many low bits are fixed, at most 8; 0 for a single worker.
    pub bits: u8,
    /// Their value.
    pub value: u8,
}

impl Owner {
    /// Whose session an index names.
    pub(crate) fn of_index(self, index: u32) -> u8 {
        self.low(u64::from(index))
    }

    /// Whose a peer is.
    #[must_use]
    pub fn of_peer(self, peer: PeerId) -> u8 {
        self.low(peer.0)
    }

    fn low(self, number: u64) -> u8 {
        let mask = 1_u64.checked_shl(u32::from(self.bits)).unwrap_or(0).wrapping_sub(1);
        u8::try_from(number & mask & 0xff).unwrap_or(0)
    }
}

/// Who may change a peer's endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// WireGuard's own rule: the source of the last authenticated packet (paper, 6.5).
    #[default]
    Roam,
    /// Only the caller. An authenticated packet from elsewhere is an [`crate::Event::Elsewhere`].
    Managed,
}

/// Which ciphers the sessions with a peer may have. The responder of a handshake chooses; its choice is authenticated by
/// the handshake itself, so nobody between the two has a say, and a stock peer sees WireGuard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transport {
    /// WireGuard's only.
    #[default]
    WireGuard,
    /// WireGuard's where we choose, AES-256-GCM too where the peer does.
    TakesAes,
    /// AES-256-GCM where we choose, either where the peer does.
    ChoosesAes,
}

impl Transport {
    /// What a response may choose, the likelier first.
    pub(crate) const fn accepted(self) -> &'static [Cipher] {
        match self {
            Self::WireGuard => &[Cipher::ChaCha20Poly1305],
            Self::TakesAes | Self::ChoosesAes => &[Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305],
        }
    }

    /// Is a session with this cipher what is wanted, or might another one be had?
    pub(crate) fn is_content_with(self, cipher: Cipher) -> bool {
        match self {
            Self::WireGuard => cipher == Cipher::ChaCha20Poly1305,
            Self::TakesAes => true,
            Self::ChoosesAes => cipher == Cipher::Aes256Gcm,
        }
    }
}

/// One peer, for [`crate::Device::set_peer`].
#[derive(Clone, Debug, Default)]
pub struct PeerConfig {
    /// One or two: the one to initiate to, then the next or the previous one.
    pub public_keys: Vec<PublicKey>,
    /// In order of preference; empty for none. As responder the first is used, as initiator each is tried.
    pub preshared_keys: Vec<PresharedKey>,
    /// What may come from the peer and goes to it. A prefix that another peer has moves to this one.
    pub allowed: Vec<Prefix>,
    /// Who may change the endpoint.
    pub mode: Mode,
    /// Persistent keepalive in seconds; 0 for none.
    pub keepalive_s: u16,
    /// Which ciphers its sessions may have.
    pub transport: Transport,
}

/// Why a call changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// One or two keys are needed, all different.
    Keys,
    /// Another peer has this public key.
    KeyTaken,
    /// The public key is our own, or of low order.
    KeyUnusable,
    /// More preshared keys than [`limits::PRESHARED_KEYS`].
    PresharedKeys,
    /// No peer has this number.
    UnknownPeer,
    /// [`limits::PEERS`], [`limits::ALLOWED_IPS`] or [`limits::PROBE_KEYS`] is reached.
    Full,
    /// The owner's value does not fit its bits, or the bits are more than 8.
    Owner,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keys => "one or two different keys are needed",
            Self::KeyTaken => "another peer has this public key",
            Self::KeyUnusable => "the public key is the device's own or of low order",
            Self::PresharedKeys => "too many preshared keys",
            Self::UnknownPeer => "no peer has this number",
            Self::Full => "the table is full",
            Self::Owner => "the owner's value does not fit its bits",
        })
    }
}

impl core::error::Error for ConfigError {}

/// What is known of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStats {
    /// Bytes of authenticated datagrams received (WireGuard's header and tag included).
    pub rx_bytes: u64,
    /// Bytes of datagrams sent to it.
    pub tx_bytes: u64,
    /// When the last handshake was completed.
    pub last_handshake: Option<Unix>,
    /// When its last authenticated packet came.
    pub last_authenticated: Option<Unix>,
    /// A session stands that can send.
    pub alive: bool,
    /// Inner packets pass.
    pub open: bool,
    /// Where packets go.
    pub endpoint: Option<Endpoint>,
    /// What seals the session that can send.
    pub cipher: Option<Cipher>,
}

impl DeviceConfig {
    /// With one key and everything else at its default: MTU 1400, stamps from the clock alone, one worker.
    #[must_use]
    pub fn new(private_key: PrivateKey) -> Self {
        Self {
            private_keys: vec![private_key],
            mtu: 1400,
            stamps: StampWindow { floor: Unix(0), ceiling: Unix(u64::MAX) },
            handshakes_per_s: limits::HANDSHAKES_PER_S,
            owner: Owner::default(),
            last_stamp: LastStamp::default(),
        }
    }
}
