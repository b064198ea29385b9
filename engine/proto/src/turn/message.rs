//! STUN messages as they lie in a datagram (RFC 8489, 5 and 14): header, attributes, and where the seals are.
//!
//! Decides what is well formed: the length is what the header says, every attribute ends within it, the fingerprint,
//! where there is one, is last and right. Must not know what an attribute means. Nothing is copied.

use super::attribute::kind;
use super::seal::{Algorithm, Key, crc32};
use crate::limits;

/// In bytes 4 to 8 of every message.
pub(crate) const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Type, length, cookie and transaction.
pub(crate) const HEADER: usize = 20;
/// Type and length of an attribute.
pub(crate) const ATTRIBUTE_HEADER: usize = 4;

/// What a message is to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asks.
    Request,
    /// Tells, and wants no answer.
    Indication,
    /// Answers.
    Success,
    /// Refuses.
    Error,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Where did this come from?
    Binding,
    /// Make an allocation.
    Allocate,
    /// Keep it, or end it.
    Refresh,
    /// Data of a client to a peer.
    Send,
    /// Data of a peer to a client.
    Data,
    /// Let a peer's address in.
    CreatePermission,
    /// Give a peer a channel.
    ChannelBind,
    /// None that is served.
    Other(u16),
}

impl Method {
    /// The number of RFC 8656, 17.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Binding => 1,
            Self::Allocate => 3,
            Self::Refresh => 4,
            Self::Send => 6,
            Self::Data => 7,
            Self::CreatePermission => 8,
            Self::ChannelBind => 9,
            Self::Other(number) => number & 0xfff,
        }
    }

    fn of(number: u16) -> Self {
        match number {
            1 => Self::Binding,
            3 => Self::Allocate,
            4 => Self::Refresh,
            6 => Self::Send,
            7 => Self::Data,
            8 => Self::CreatePermission,
            9 => Self::ChannelBind,
            other => Self::Other(other),
        }
    }
}

/// The first two bytes: class and method, interleaved (RFC 8489, figure 3).
#[must_use]
pub fn type_number(class: Class, method: Method) -> u16 {
    let bits = match class {
        Class::Request => 0,
        Class::Indication => 0x010,
        Class::Success => 0x100,
        Class::Error => 0x110,
    };
    let number = method.number();
    number & 0x00f | (number & 0x070) << 1 | (number & 0xf80) << 2 | bits
}

/// Where an attribute that seals what is before it begins, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sealed<'a> {
    at: usize,
    value: &'a [u8],
}

/// One well-formed message.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// What it is to a transaction.
    pub class: Class,
    /// What it is about.
    pub method: Method,
    /// What ties an answer to its request.
    pub transaction: &'a [u8; 12],
    whole: &'a [u8],
    /// The attributes that count: what follows a seal is ignored (RFC 8489, 14.5).
    attributes: &'a [u8],
    sha1: Option<Sealed<'a>>,
    sha256: Option<Sealed<'a>>,
    /// Whether it carries a fingerprint, which was right.
    pub has_fingerprint: bool,
}

/// Two zero bits, the magic cookie in its place.
#[must_use]
pub fn looks_like_stun(message: &[u8]) -> bool {
    message.first().is_some_and(|first| first >> 6 == 0) && message.get(4..8) == Some(&COOKIE)
}

/// Take a message apart; `None` where it is not well formed.
#[must_use]
pub fn parse(whole: &[u8]) -> Option<Message<'_>> {
    let (head, body) = whole.split_first_chunk::<HEADER>()?;
    let [t0, t1, l0, l1, ..] = *head;
    let (number, length) = (u16::from_be_bytes([t0, t1]), usize::from(u16::from_be_bytes([l0, l1])));
    if !looks_like_stun(whole) || length != body.len() || length & 3 != 0 {
        return None;
    }
    let class = match number & 0x110 {
        0x000 => Class::Request,
        0x010 => Class::Indication,
        0x100 => Class::Success,
        _ => Class::Error,
    };
    let method = Method::of(number & 0x00f | (number >> 1) & 0x070 | (number >> 2) & 0xf80);
    let (transaction, seals) = (whole.get(8..HEADER)?.first_chunk()?, seals(whole, body)?);
    let attributes = body.get(..seals.end)?;
    let Seals { sha1, sha256, has_fingerprint, .. } = seals;
    Some(Message { class, method, transaction, whole, attributes, sha1, sha256, has_fingerprint })
}

#[derive(Default)]
struct Seals<'a> {
    end: usize,
    sha1: Option<Sealed<'a>>,
    sha256: Option<Sealed<'a>>,
    has_fingerprint: bool,
}

/// Walk all attributes once: where those that count end, and the seals.
fn seals<'a>(whole: &'a [u8], body: &'a [u8]) -> Option<Seals<'a>> {
    let mut found = Seals::default();
    let (mut is_sealed, mut count, mut walk) = (false, 0_usize, Attributes(body));
    while !walk.0.is_empty() {
        let at = whole.len().checked_sub(walk.0.len())?;
        let attribute = walk.next()?;
        count = count.saturating_add(1);
        if found.has_fingerprint || count > limits::STUN_ATTRIBUTES {
            return None;
        }
        let sealed = Sealed { at, value: attribute.value };
        match attribute.kind {
            kind::MESSAGE_INTEGRITY if found.sha1.is_none() && found.sha256.is_none() => found.sha1 = Some(sealed),
            kind::MESSAGE_INTEGRITY_SHA256 if found.sha256.is_none() => found.sha256 = Some(sealed),
            kind::FINGERPRINT => {
                let right = crc32(whole.get(..at)?) ^ FINGERPRINT_MASK;
                found.has_fingerprint = attribute.value == right.to_be_bytes();
                found.has_fingerprint.then_some(())?;
            }
            _ if !is_sealed => {
                found.end = body.len().checked_sub(walk.0.len())?;
                continue;
            }
            _ => continue,
        }
        is_sealed = true;
    }
    Some(found)
}

/// What a fingerprint is XORed with (RFC 8489, 14.7).
pub(crate) const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// Type and value without its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The number of RFC 8489, 18.3.
    pub kind: u16,
    /// Its bytes.
    pub value: &'a [u8],
}

/// What is left to walk; ends at what does not fit.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (head, rest) = self.0.split_first_chunk::<ATTRIBUTE_HEADER>()?;
        let [k0, k1, l0, l1] = *head;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(..length)?;
        self.0 = rest.get(length.next_multiple_of(4)..)?;
        Some(Attribute { kind: u16::from_be_bytes([k0, k1]), value })
    }
}

impl<'a> Message<'a> {
    /// The attributes that count, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        Attributes(self.attributes)
    }

    /// The value of the first attribute of this kind.
    #[must_use]
    pub fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// Whether there is one, with no value or any.
    #[must_use]
    pub fn has(&self, kind: u16) -> bool {
        self.value(kind).is_some()
    }

    /// The stronger seal that it carries.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.sha256.map(|_| Algorithm::Sha256).or(self.sha1.map(|_| Algorithm::Sha1))
    }

    /// Was the seal of this algorithm made with `key`? A shortened one does not count.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, key: &Key) -> bool {
        let seal = match algorithm {
            Algorithm::Sha1 => self.sha1,
            Algorithm::Sha256 => self.sha256,
        };
        let Some(Sealed { at, value }) = seal else { return false };
        let Some(before) = self.whole.get(..at) else { return false };
        key.verifies(algorithm, before, value)
    }

    /// All bytes of it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.whole
    }
}
