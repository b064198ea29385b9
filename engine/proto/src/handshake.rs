//! Noise IKpsk2 (paper, 5.4.2 and 5.4.3): both roles as functions over [`Symmetric`].
//!
//! Knows keys and messages; does not know peers, endpoints, timers or MACs (those are [`crate::cookie`]'s).
//! The initiator's and the responder's state are separate values, so two handshakes that cross both succeed.

use crate::keys::Secret;
use crate::message::{self, INITIATION, INITIATION_LEN, Initiation, RESPONSE, RESPONSE_LEN, Response};
use crate::noise::Symmetric;
use crate::tai64n::Stamp;
use crate::{Cipher, PresharedKey, PrivateKey, PublicKey};

/// What a finished handshake gives.
pub(crate) struct SessionKeys {
    pub(crate) send: Secret,
    pub(crate) receive: Secret,
    /// What they are for.
    pub(crate) cipher: Cipher,
    /// The index that the other side chose.
    pub(crate) remote_index: u32,
}

/// An initiation that waits for its response.
pub(crate) struct Initiator {
    symmetric: Symmetric,
    ephemeral: PrivateKey,
    /// Our static key that the handshake was begun with.
    pub(crate) local: PublicKey,
    /// The peer's static key that it was begun to.
    pub(crate) remote: PublicKey,
    /// The index that we chose.
    pub(crate) index: u32,
}

/// Who begins with whom, and with what.
pub(crate) struct Begin<'a> {
    pub(crate) local: &'a PrivateKey,
    pub(crate) remote: PublicKey,
    /// X25519 of both static keys.
    pub(crate) static_static: &'a Secret,
    pub(crate) ephemeral: PrivateKey,
    pub(crate) index: u32,
    pub(crate) stamp: Stamp,
}

impl Initiator {
    /// The state and the initiation, its MACs zero; `None` where the peer's key is of low order.
    pub(crate) fn begin(with: Begin<'_>) -> Option<(Self, [u8; INITIATION_LEN])> {
        let mut symmetric = Symmetric::new(&with.remote);
        let ephemeral_public = with.ephemeral.public();
        symmetric.mix_ephemeral(&ephemeral_public.0);

        let key = symmetric.mix_key(&with.ephemeral.exchange(&with.remote)?);
        let mut sealed_static = with.local.public().0;
        let static_tag = symmetric.seal(&key, &mut sealed_static);

        let key = symmetric.mix_key(with.static_static);
        let mut sealed_stamp = with.stamp;
        let stamp_tag = symmetric.seal(&key, &mut sealed_stamp);

        let wire = message::concat(&[
            &[INITIATION, 0, 0, 0],
            &with.index.to_le_bytes(),
            &ephemeral_public.0,
            &sealed_static,
            &static_tag,
            &sealed_stamp,
            &stamp_tag,
        ]);
        let (local, remote) = (with.local.public(), with.remote);
        let state = Self { symmetric, ephemeral: with.ephemeral, local, remote, index: with.index };
        Some((state, wire))
    }

    /// Finish with the response, if it is made with one of `preshared` (none: with no preshared key) and chooses one of
    /// `ciphers`.
    pub(crate) fn finish(
        &self,
        response: &Response<'_>,
        local: &PrivateKey,
        preshared: &[PresharedKey],
        ciphers: &[Cipher],
    ) -> Option<SessionKeys> {
        let remote_ephemeral = PublicKey(*response.ephemeral);
        let mut symmetric = self.symmetric.clone();
        symmetric.mix_ephemeral(&remote_ephemeral.0);
        symmetric.mix(&self.ephemeral.exchange(&remote_ephemeral)?.0);
        symmetric.mix(&local.exchange(&remote_ephemeral)?.0);

        let none = [PresharedKey::none()];
        let preshared = if preshared.is_empty() { &none } else { preshared };
        let mut candidates = preshared.iter().flat_map(|key| ciphers.iter().map(move |cipher| (key, *cipher)));
        candidates.find_map(|(preshared, cipher)| {
            let mut symmetric = symmetric.clone();
            let key = symmetric.mix_preshared(preshared.choosing(cipher).bytes());
            let _nothing: [u8; 0] = symmetric.open(&key, response.nothing_sealed)?;
            let (send, receive) = symmetric.split();
            Some(SessionKeys { send, receive, cipher, remote_index: response.sender })
        })
    }
}

/// An initiation whose sender's static key is known, though not yet proven.
pub(crate) struct Claimed {
    symmetric: Symmetric,
    /// Who it says it is.
    pub(crate) initiator: PublicKey,
    remote_ephemeral: PublicKey,
    remote_index: u32,
}

/// An initiation that is proven to come from its static key, at some time.
pub(crate) struct Proven {
    symmetric: Symmetric,
    pub(crate) initiator: PublicKey,
    pub(crate) stamp: Stamp,
    remote_ephemeral: PublicKey,
    remote_index: u32,
}

impl Claimed {
    /// Open the static key of an initiation to `local`.
    pub(crate) fn read(initiation: &Initiation<'_>, local: &PrivateKey) -> Option<Self> {
        let remote_ephemeral = PublicKey(*initiation.ephemeral);
        let mut symmetric = Symmetric::new(&local.public());
        symmetric.mix_ephemeral(&remote_ephemeral.0);
        let key = symmetric.mix_key(&local.exchange(&remote_ephemeral)?);
        let initiator = PublicKey(symmetric.open(&key, initiation.static_sealed)?);
        Some(Self { symmetric, initiator, remote_ephemeral, remote_index: initiation.sender })
    }

    /// Open the stamp, which only the holder of the static key can seal.
    pub(crate) fn prove(mut self, initiation: &Initiation<'_>, static_static: &Secret) -> Option<Proven> {
        let key = self.symmetric.mix_key(static_static);
        let stamp = self.symmetric.open(&key, initiation.stamp_sealed)?;
        let Self { symmetric, initiator, remote_ephemeral, remote_index } = self;
        Some(Proven { symmetric, initiator, stamp, remote_ephemeral, remote_index })
    }
}

impl Proven {
    /// The response, its MACs zero, and the keys for the cipher that we choose; `None` where the initiator's ephemeral is of low order.
    pub(crate) fn respond(
        self,
        ephemeral: &PrivateKey,
        preshared: &PresharedKey,
        cipher: Cipher,
        index: u32,
    ) -> Option<(SessionKeys, [u8; RESPONSE_LEN])> {
        let mut symmetric = self.symmetric;
        let ephemeral_public = ephemeral.public();
        symmetric.mix_ephemeral(&ephemeral_public.0);
        symmetric.mix(&ephemeral.exchange(&self.remote_ephemeral)?.0);
        symmetric.mix(&ephemeral.exchange(&self.initiator)?.0);
        let key = symmetric.mix_preshared(preshared.choosing(cipher).bytes());
        let tag = symmetric.seal(&key, &mut []);

        let wire = message::concat(&[
            &[RESPONSE, 0, 0, 0],
            &index.to_le_bytes(),
            &self.remote_index.to_le_bytes(),
            &ephemeral_public.0,
            &tag,
        ]);
        let (receive, send) = symmetric.split();
        Some((SessionKeys { send, receive, cipher, remote_index: self.remote_index }, wire))
    }
}
