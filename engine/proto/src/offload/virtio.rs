//! `struct virtio_net_hdr` (linux/virtio_net.h), in the machine's own byte order: what stands before each packet of a
//! TUN that was opened with `IFF_VNET_HDR`.

/// Its length in bytes.
pub const VIRTIO_HEADER: usize = 10;

/// The checksum is partial: somebody has to finish it.
const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
/// Beside a TCP kind: congestion was echoed (CWR), which the first segment alone says.
const GSO_ECN: u8 = 0x80;

/// What a packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gso {
    /// One packet.
    #[default]
    None,
    /// Many segments of TCP over IPv4.
    Tcp4,
    /// Many segments of TCP over IPv6.
    Tcp6,
    /// Many datagrams of UDP, over either.
    Udp,
}

/// The header by its fields. All zeros: one whole packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct VirtioHeader {
    /// The checksum field holds the pseudo header's sum and waits for the rest.
    pub needs_checksum: bool,
    /// What the packet is made of.
    pub gso: Gso,
    /// TCP echoes congestion in the first segment.
    pub has_ecn: bool,
    /// Bytes of all headers; the kernel's own is not to be trusted (a forwarded packet carries another).
    pub header_len: u16,
    /// Bytes of payload in each segment but the last.
    pub segment_len: u16,
    /// Where the sum begins, in bytes from the packet's beginning.
    pub checksum_start: u16,
    /// Where the checksum stands, from `checksum_start`.
    pub checksum_offset: u16,
}

impl VirtioHeader {
    /// From its bytes; `None` for a kind that was never agreed on.
    #[must_use]
    pub fn parse(bytes: &[u8; VIRTIO_HEADER]) -> Option<Self> {
        let [flags, kind, h0, h1, s0, s1, c0, c1, o0, o1] = *bytes;
        let gso = match kind & !GSO_ECN {
            GSO_NONE => Gso::None,
            GSO_TCPV4 => Gso::Tcp4,
            GSO_TCPV6 => Gso::Tcp6,
            GSO_UDP_L4 => Gso::Udp,
            _ => return None,
        };
        Some(Self {
            needs_checksum: flags & NEEDS_CSUM != 0,
            gso,
            has_ecn: kind & GSO_ECN != 0,
            header_len: u16::from_ne_bytes([h0, h1]),
            segment_len: u16::from_ne_bytes([s0, s1]),
            checksum_start: u16::from_ne_bytes([c0, c1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; VIRTIO_HEADER] {
        let kind = match self.gso {
            Gso::None => GSO_NONE,
            Gso::Tcp4 => GSO_TCPV4,
            Gso::Tcp6 => GSO_TCPV6,
            Gso::Udp => GSO_UDP_L4,
        };
        let flags = if self.needs_checksum { NEEDS_CSUM } else { 0 };
        let ecn = if self.has_ecn { GSO_ECN } else { 0 };
        let [h0, h1] = self.header_len.to_ne_bytes();
        let [s0, s1] = self.segment_len.to_ne_bytes();
        let [c0, c1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        [flags, kind | ecn, h0, h1, s0, s1, c0, c1, o0, o1]
    }
}
