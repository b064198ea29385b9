//! A peer: what the caller said about it and what WireGuard knows of it. Decides nothing; the device does.

use crate::cookie::Holder;
use crate::counters::add;
use crate::event::Events;
use crate::handshake::Initiator;
use crate::keypairs::Keypairs;
use crate::keys::Secret;
use crate::narrow::limit::PathMtu;
use crate::staging::Queue;
use crate::tai64n::Stamp;
use crate::time::Instant;
use crate::timers::Timers;
use crate::{
    Cipher, Endpoint, Event, Mode, Now, PeerId, Prefix, PresharedKey, PrivateKey, PublicKey, Transport, Unix, limits,
    noise,
};

/// One of the peer's static keys with what is derived from it.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) public: PublicKey,
    pub(crate) mac1_key: [u8; 32],
    pub(crate) cookie_key: [u8; 32],
}

impl Remote {
    pub(crate) fn new(public: PublicKey) -> Self {
        Self { public, mac1_key: noise::mac1_key(&public), cookie_key: noise::cookie_key(&public) }
    }
}

/// Initiations that are repeated until one is answered, or 90 s have passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Campaign {
    pub(crate) since: Instant,
    /// Initiations sent.
    pub(crate) attempts: u32,
}

/// Bytes and times for the caller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) last_handshake: Option<Unix>,
    pub(crate) last_authenticated: Option<Unix>,
}

/// Everything of one peer.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) remotes: Vec<Remote>,
    pub(crate) preshared: Vec<PresharedKey>,
    pub(crate) allowed: Vec<Prefix>,
    pub(crate) mode: Mode,
    pub(crate) transport: Transport,
    /// Our responses in a row that chose AES and were not followed by a packet.
    aes_unproven: u8,
    /// The gate.
    pub(crate) open: bool,
    pub(crate) endpoint: Option<Endpoint>,
    /// What the way there carries.
    pub(crate) path: PathMtu,
    pub(crate) keypairs: Keypairs,
    pub(crate) initiator: Option<Box<Initiator>>,
    pub(crate) campaign: Option<Campaign>,
    pub(crate) last_initiation: Option<Instant>,
    pub(crate) newest_stamp: Option<Stamp>,
    pub(crate) holder: Holder,
    pub(crate) timers: Timers,
    pub(crate) staged: Queue,
    /// It is in the device's list of peers whose packets can go out.
    pub(crate) is_ready: bool,
    pub(crate) last_elsewhere: Option<Instant>,
    pub(crate) tally: Tally,
    /// X25519 of each pair of static keys that met.
    agreed: Vec<(PublicKey, PublicKey, Secret)>,
}

impl Peer {
    pub(crate) fn new(id: PeerId) -> Self {
        Self {
            id,
            remotes: Vec::new(),
            preshared: Vec::new(),
            allowed: Vec::new(),
            mode: Mode::Roam,
            transport: Transport::default(),
            aes_unproven: 0,
            open: false,
            endpoint: None,
            path: PathMtu::default(),
            keypairs: Keypairs::default(),
            initiator: None,
            campaign: None,
            last_initiation: None,
            newest_stamp: None,
            holder: Holder::default(),
            timers: Timers::default(),
            staged: Queue::default(),
            is_ready: false,
            last_elsewhere: None,
            tally: Tally::default(),
            agreed: Vec::new(),
        }
    }

    /// The cipher of the next response. A peer whose word and deed differ is not kept from a session: after a few
    /// responses without effect it is WireGuard's. Whoever drops responses on the way gains that too, and no more.
    pub(crate) fn choose_cipher(&mut self) -> Cipher {
        if self.transport != Transport::ChoosesAes || self.aes_unproven >= limits::AES_UNPROVEN {
            return Cipher::ChaCha20Poly1305;
        }
        self.aes_unproven = self.aes_unproven.saturating_add(1);
        Cipher::Aes256Gcm
    }

    /// The peer used a session that we answered for. After one of WireGuard's, AES is tried once at each renewal.
    pub(crate) fn proved(&mut self, cipher: Cipher) {
        let least = match cipher {
            Cipher::Aes256Gcm => 0,
            Cipher::ChaCha20Poly1305 => limits::AES_UNPROVEN.saturating_sub(1),
        };
        self.aes_unproven = self.aes_unproven.min(least);
    }

    /// Take other ciphers from here on; true where the session in use is not what is wanted any more.
    pub(crate) fn set_transport(&mut self, now: Instant, transport: Transport) -> bool {
        if core::mem::replace(&mut self.transport, transport) == transport {
            return false;
        }
        self.aes_unproven = 0;
        self.keypairs.cipher(now).is_some_and(|cipher| !transport.is_content_with(cipher))
    }

    /// X25519 of two static keys, computed once; `None` where the peer's is of low order.
    pub(crate) fn static_static(&mut self, local: &PrivateKey, remote: &PublicKey) -> Option<Secret> {
        let pair = (local.public(), *remote);
        if let Some((.., secret)) = self.agreed.iter().find(|(local, remote, _)| (*local, *remote) == pair) {
            return Some(secret.clone());
        }
        let secret = local.exchange(remote)?;
        self.agreed.push((pair.0, pair.1, secret.clone()));
        Some(secret)
    }

    /// Forget what was agreed with keys that are no longer used.
    pub(crate) fn retain_agreed(&mut self, keep: impl Fn(&PublicKey, &PublicKey) -> bool) {
        self.agreed.retain(|(local, remote, _)| keep(local, remote));
    }

    /// An authenticated packet of so many bytes came from `source`: roam there, or tell the caller.
    pub(crate) fn heard_from(&mut self, now: Now, source: &Endpoint, bytes: usize, events: &mut Events) {
        add(&mut self.tally.rx_bytes, bytes);
        self.tally.last_authenticated = Some(now.wall);
        self.timers.authentic_received(now.mono);
        if self.endpoint == Some(*source) {
            return;
        }
        match self.mode {
            Mode::Roam => {
                self.endpoint = Some(*source);
                self.path.moved();
            }
            Mode::Managed => {
                let spaced = |last| now.mono.since(last) >= limits::ELSEWHERE_SPACING;
                if self.last_elsewhere.is_none_or(spaced) {
                    self.last_elsewhere = Some(now.mono);
                    events.push(Event::Elsewhere { peer: self.id, endpoint: *source });
                }
            }
        }
    }

    /// Is an initiation with this index waiting for its response?
    pub(crate) fn awaits(&self, index: u32) -> bool {
        self.initiator.as_ref().is_some_and(|initiator| initiator.index == index)
    }

    pub(crate) fn remote(&self, public: &PublicKey) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.public == *public)
    }
}
