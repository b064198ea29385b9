//! Writing a message: attributes in order, then the seals; the header's length is always that of what is there.

use core::net::SocketAddr;

use super::attribute::{kind, write_xored};
use super::message::{COOKIE, Class, FINGERPRINT_MASK, Method, type_number};
use super::seal::{Algorithm, Key, crc32};

/// A message that grows.
#[derive(Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    transaction: [u8; 12],
}

impl Builder {
    /// A message without attributes.
    #[must_use]
    pub fn new(class: Class, method: Method, transaction: &[u8; 12]) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(type_number(class, method).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(COOKIE);
        bytes.extend(transaction);
        Self { bytes, transaction: *transaction }
    }

    /// One attribute, padded with zeros.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.bytes.extend(value);
        let whole = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(whole, 0);
        self.set_length();
        self
    }

    /// An XORed address.
    #[must_use]
    pub fn address(self, kind: u16, address: SocketAddr) -> Self {
        let (value, length) = write_xored(address, &self.transaction);
        self.attribute(kind, value.get(..length).unwrap_or_default())
    }

    /// ERROR-CODE, without a sentence: the number says it all, and an answer to a stranger is short.
    #[must_use]
    pub fn error(self, number: u16) -> Self {
        let part = |value: Option<u16>| value.and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
        let (class, rest) = (part(number.checked_div(100)), part(number.checked_rem(100)));
        self.attribute(kind::ERROR_CODE, &[0, 0, class, rest])
    }

    /// The seal over all there is so far.
    #[must_use]
    pub fn seal(self, algorithm: Algorithm, key: &Key) -> Self {
        let tag = key.seal(algorithm, &self.bytes);
        let kind = match algorithm {
            Algorithm::Sha1 => kind::MESSAGE_INTEGRITY,
            Algorithm::Sha256 => kind::MESSAGE_INTEGRITY_SHA256,
        };
        self.attribute(kind, tag.as_ref())
    }

    /// The checksum; nothing may follow it.
    #[must_use]
    pub fn fingerprint(self) -> Self {
        let at = self.bytes.len();
        let mut with = self.attribute(kind::FINGERPRINT, &[0; 4]);
        let sum = crc32(with.bytes.get(..at).unwrap_or_default()) ^ FINGERPRINT_MASK;
        with.bytes.truncate(at.saturating_add(4));
        with.bytes.extend(sum.to_be_bytes());
        with
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The message.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn set_length(&mut self) {
        let length = u16::try_from(self.bytes.len().saturating_sub(20)).unwrap_or(u16::MAX).to_be_bytes();
        self.bytes.iter_mut().skip(2).zip(length).for_each(|(to, from)| *to = from);
    }
}
