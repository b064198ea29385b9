//! Several workers of one tunnel: what one of them has that is another's is carried over here.
//!
//! A peer belongs to one worker, by its number; that worker alone has its sessions, path, gate and flows. Every worker
//! has a queue of the TUN and sockets of its own, and the kernel mostly gives each what is its own (a flow's packets to
//! the queue that its last answer was written to, a session's datagrams by the low bits of its index). The rest goes
//! through an inlet: bounded, never waited for, what does not fit is lost and counted. The first worker has the relays,
//! and what the caller says and hears beside the tunnel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use warren_proto::offload::VirtioHeader;
use warren_proto::{Endpoint, Owner, PeerId, Stray, Trains};

use crate::limits::{HANDED_BYTES, HANDED_ITEM_BYTES, WORKERS};
use crate::mailing::Mailing;
use crate::udp::ShortPath;

/// How many workers suit so many cores: one where a second would take a core from whoever it carries for. A power of
/// two, since the low bits of a number say whose it is.
#[must_use]
pub fn fit(cores: usize) -> usize {
    match cores {
        0..=3 => 1,
        4..=7 => 2,
        _ => WORKERS,
    }
}

/// A datagram of the network.
pub struct Inward {
    pub source: Endpoint,
    pub bytes: Box<[u8]>,
}

/// Something on its way out.
pub enum Outward {
    /// Of the TUN, to be sealed by its peer's worker.
    Packet {
        header: VirtioHeader,
        bytes: Box<[u8]>,
    },
    /// Sealed, for the relay that only the first worker speaks with.
    Relayed {
        peer: Option<PeerId>,
        endpoint: Endpoint,
        bytes: Box<[u8]>,
    },
    /// What the first worker learnt of the way to a relay that a peer is reached by.
    Short(ShortPath),
}

/// What an item counts for, so that what waits is bounded in bytes and in number.
trait Weighs {
    fn bytes(&self) -> usize;

    fn weight(&self) -> usize {
        HANDED_ITEM_BYTES + self.bytes()
    }
}

impl Weighs for Inward {
    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Weighs for Outward {
    fn bytes(&self) -> usize {
        match self {
            Self::Packet { bytes, .. } | Self::Relayed { bytes, .. } => bytes.len(),
            Self::Short(_) => 0,
        }
    }
}

/// What waits for one worker.
pub struct Inlet<T> {
    mailing: Mailing<T>,
    waiting: AtomicUsize,
    lost: AtomicU64,
}

#[expect(private_bounds, reason = "only what stands here is handed over")]
impl<T: Weighs> Inlet<T> {
    fn new() -> io::Result<Self> {
        Ok(Self {
            // The weight bounds the number too, so it is never the queue that refuses.
            mailing: Mailing::new(HANDED_BYTES / HANDED_ITEM_BYTES)?,
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        })
    }

    fn put(&self, item: T) {
        let weight = item.weight();
        let grown = |waiting: usize| (waiting + weight <= HANDED_BYTES).then_some(waiting + weight);
        let fits = self
            .waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, grown);
        if fits.is_ok() {
            self.mailing.push(item);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The oldest, at most so many.
    pub fn take(&self, most: usize) -> Vec<T> {
        let (taken, _) = self.mailing.take(most);
        let weight = taken.iter().map(Weighs::weight).sum();
        self.waiting.fetch_sub(weight, Ordering::AcqRel);
        taken
    }

    /// What to sleep on.
    pub fn fd(&self) -> std::os::fd::RawFd {
        self.mailing.wake().fd()
    }
}

/// Where one worker is given what is its own.
struct Post {
    inward: Inlet<Inward>,
    outward: Inlet<Outward>,
}

/// One worker among several.
#[derive(Clone)]
pub struct Member {
    posts: Arc<[Post]>,
    owner: Owner,
}

/// The members of a crew of so many, a power of two; none where one works alone. Fails when the process has no
/// descriptor left.
pub fn muster(count: usize) -> io::Result<Vec<Option<Member>>> {
    if count <= 1 {
        return Ok(vec![None]);
    }
    let posts: io::Result<Arc<[Post]>> = (0..count)
        .map(|_| {
            Ok(Post {
                inward: Inlet::new()?,
                outward: Inlet::new()?,
            })
        })
        .collect();
    let posts = posts?;
    let member = |number| Member {
        posts: Arc::clone(&posts),
        owner: owner(number, count),
    };
    Ok((0..count).map(|number| Some(member(number))).collect())
}

/// What worker `number` of `count` owns.
pub fn owner(number: usize, count: usize) -> Owner {
    Owner {
        bits: count.trailing_zeros() as u8,
        value: number as u8,
    }
}

impl Member {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.posts.len()
    }

    /// Datagrams that are ours; `None` only if there is no such worker.
    pub fn inward(&self) -> Option<&Inlet<Inward>> {
        self.own().map(|post| &post.inward)
    }

    /// Packets that are ours.
    pub fn outward(&self) -> Option<&Inlet<Outward>> {
        self.own().map(|post| &post.outward)
    }

    /// How many of ours were lost on the way from others.
    pub fn lost(&self) -> u64 {
        self.own().map_or(0, |post| {
            post.inward.lost.load(Ordering::Relaxed) + post.outward.lost.load(Ordering::Relaxed)
        })
    }

    /// Carries something to the worker whose it is.
    pub fn give(&self, owner: u8, stray: Stray) {
        let Some(post) = self.posts.get(usize::from(owner)) else {
            return;
        };
        match stray {
            Stray::Packet { header, bytes } => post.outward.put(Outward::Packet { header, bytes }),
            Stray::Datagram { source, bytes } => post.inward.put(Inward { source, bytes }),
        }
    }

    /// Takes out of `trains` what goes through a relay, for the worker that has them.
    pub fn give_relayed(&self, trains: &mut Trains) {
        let Some(first) = self.posts.first().filter(|_| self.owner.value != 0) else {
            return;
        };
        let (bytes, list) = trains.parts_mut();
        list.retain(|train| {
            let Endpoint::Relay { .. } = train.endpoint else {
                return true;
            };
            for place in train.datagrams() {
                let datagram = bytes.get(place.start..place.start + place.len);
                let datagram = datagram.and_then(|whole| whole.get(train.lead..));
                first.outward.put(Outward::Relayed {
                    peer: train.peer,
                    endpoint: train.endpoint,
                    bytes: datagram.unwrap_or_default().into(),
                });
            }
            false
        });
        if list.is_empty() {
            trains.clear();
        }
    }

    /// Tells a peer's worker of its path; false if that is us.
    pub fn tell_short(&self, short: ShortPath) -> bool {
        let owner = self.owner.of_peer(short.peer);
        if owner == self.owner.value {
            return false;
        }
        if let Some(post) = self.posts.get(usize::from(owner)) {
            post.outward.put(Outward::Short(short));
        }
        true
    }

    fn own(&self) -> Option<&Post> {
        self.posts.get(usize::from(self.owner.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inward(len: usize) -> Stray {
        Stray::Datagram {
            source: Endpoint::Relay {
                relay: 1,
                channel: 1,
            },
            bytes: vec![7; len].into(),
        }
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_number_and_the_rest_is_counted() {
        for (len, most) in [
            (0, HANDED_BYTES / HANDED_ITEM_BYTES),
            (65_000, HANDED_BYTES / (65_000 + HANDED_ITEM_BYTES)),
        ] {
            let crew: Vec<Member> = muster(2).unwrap().into_iter().flatten().collect();
            for _ in 0..most + 3 {
                crew[0].give(1, inward(len));
            }
            assert_eq!((crew[0].lost(), crew[1].lost()), (0, 3));
            assert_eq!(crew[1].inward().unwrap().take(usize::MAX).len(), most);
            crew[0].give(1, inward(len));
            assert_eq!(crew[1].lost(), 3, "what was taken made room");
        }
    }

    #[test]
    fn small_machines_have_one_and_every_count_is_a_power_of_two() {
        assert_eq!([0, 1, 2, 3, 4, 7, 8, 64].map(fit), [1, 1, 1, 1, 2, 2, 4, 4]);
        assert!(muster(1).unwrap()[0].is_none());
        assert_eq!(owner(3, 4), Owner { bits: 2, value: 3 });
    }
}
