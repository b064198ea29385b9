//! Crypto-key routing (paper, 2): which peer an inner address belongs to, the most specific prefix winning.
//!
//! One path-compressed binary trie a family, its nodes in a vector. Addresses are left-aligned in 128 bits, so that
//! both families share the code. A prefix belongs to one peer; giving it to another moves it.

use core::net::IpAddr;

use crate::{Prefix, limits};

/// No node.
const NONE: u32 = u32::MAX;

struct Node {
    bits: u128,
    length: u8,
    /// The peer's slot; `None` where paths only part.
    owner: Option<u32>,
    children: [u32; 2],
}

/// One family's prefixes.
struct Trie {
    nodes: Vec<Node>,
    free: Vec<u32>,
    root: u32,
}

/// The prefixes of all peers.
pub(crate) struct AllowedIps {
    v4: Trie,
    v6: Trie,
    count: usize,
}

impl AllowedIps {
    pub(crate) fn new() -> Self {
        Self { v4: Trie::new(), v6: Trie::new(), count: 0 }
    }

    /// The slot of the peer that `address` belongs to.
    pub(crate) fn owner(&self, address: &IpAddr) -> Option<u32> {
        match address {
            IpAddr::V4(v4) => self.v4.longest(align(u128::from(v4.to_bits()), 32), 32),
            IpAddr::V6(v6) => self.v6.longest(v6.to_bits(), 128),
        }
    }

    /// Give a prefix to the peer in `slot`; false when there is no room for another.
    pub(crate) fn insert(&mut self, prefix: &Prefix, slot: u32) -> bool {
        let (bits, length) = key(prefix);
        let full = self.count >= limits::ALLOWED_IPS;
        let trie = self.family(prefix);
        if full && trie.exact(bits, length).is_none() {
            return false;
        }
        if trie.insert(bits, length, slot) {
            self.count = self.count.saturating_add(1);
        }
        true
    }

    /// Take a prefix from the peer in `slot`, unless it belongs to another by now.
    pub(crate) fn remove(&mut self, prefix: &Prefix, slot: u32) {
        let (bits, length) = key(prefix);
        if self.family(prefix).remove(bits, length, slot) {
            self.count = self.count.saturating_sub(1);
        }
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn is_empty(&self) -> bool {
        [&self.v4, &self.v6].iter().all(|trie| trie.root == NONE && trie.free.len() == trie.nodes.len())
    }

    /// Room for so many more.
    pub(crate) fn room(&self) -> usize {
        limits::ALLOWED_IPS.saturating_sub(self.count)
    }

    fn family(&mut self, prefix: &Prefix) -> &mut Trie {
        if prefix.address().is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }
}

impl Trie {
    fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NONE }
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn longest(&self, bits: u128, most: u8) -> Option<u32> {
        let mut best = None;
        let mut at = self.root;
        while let Some(node) = self.node(at) {
            if common(node.bits, bits) < node.length {
                break;
            }
            best = node.owner.or(best);
            if node.length >= most {
                break;
            }
            at = node.child(bits);
        }
        best
    }

    fn exact(&self, bits: u128, length: u8) -> Option<u32> {
        let mut at = self.root;
        while let Some(node) = self.node(at) {
            if node.length == length && node.bits == bits {
                return node.owner;
            }
            if node.length >= length || common(node.bits, bits) < node.length {
                return None;
            }
            at = node.child(bits);
        }
        None
    }

    /// True if the prefix was not there before.
    fn insert(&mut self, bits: u128, length: u8, slot: u32) -> bool {
        let mut parent = None;
        let mut at = self.root;
        loop {
            let Some(node) = self.node(at) else {
                let leaf = self.make(Node { bits, length, owner: Some(slot), children: [NONE; 2] });
                self.link(parent, bits, leaf);
                return true;
            };
            let shared = common(node.bits, bits).min(node.length).min(length);
            if shared < node.length {
                self.split(parent, at, (bits, length, shared), slot);
                return true;
            }
            if node.length == length {
                let before = self.nodes.get_mut(at as usize).and_then(|node| node.owner.replace(slot));
                return before.is_none();
            }
            parent = Some(at);
            at = node.child(bits);
        }
    }

    /// Put the prefix above the node `at`: as its parent, or beside it under a new fork.
    fn split(&mut self, parent: Option<u32>, at: u32, (bits, length, shared): (u128, u8, u8), slot: u32) {
        let below = self.node(at).map_or(0, |node| node.bits);
        let fork_bits = mask(bits, shared);
        let owner = (shared == length).then_some(slot);
        let fork = self.make(Node { bits: fork_bits, length: shared, owner, children: [NONE; 2] });
        self.link(parent, bits, fork);
        self.link(Some(fork), below, at);
        if shared < length {
            let leaf = self.make(Node { bits, length, owner: Some(slot), children: [NONE; 2] });
            self.link(Some(fork), bits, leaf);
        }
    }

    /// True if it was there and belonged to `slot`.
    fn remove(&mut self, bits: u128, length: u8, slot: u32) -> bool {
        let (mut grandparent, mut parent) = (None, None);
        let mut at = self.root;
        loop {
            let Some(node) = self.node(at) else { return false };
            if node.length == length && node.bits == bits {
                break;
            }
            if node.length >= length || common(node.bits, bits) < node.length {
                return false;
            }
            (grandparent, parent) = (parent, Some(at));
            at = node.child(bits);
        }
        let Some(node) = self.nodes.get_mut(at as usize).filter(|node| node.owner == Some(slot)) else { return false };
        node.owner = None;
        self.prune(parent, at);
        // The parent may have been a fork between this leaf and one other path.
        if let Some(parent) = parent {
            self.prune(grandparent, parent);
        }
        true
    }

    /// Take a node without owner out, unless two paths part at it.
    fn prune(&mut self, parent: Option<u32>, at: u32) {
        let Some(node) = self.node(at) else { return };
        let only = match node.children {
            _ if node.owner.is_some() => return,
            [left, NONE] => left,
            [NONE, right] => right,
            _ => return,
        };
        let bits = node.bits;
        self.link(parent, bits, only);
        self.free.push(at);
    }

    fn make(&mut self, node: Node) -> u32 {
        if let Some(at) = self.free.pop() {
            self.nodes.get_mut(at as usize).into_iter().for_each(|place| *place = Node { ..node });
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len().saturating_sub(1)).unwrap_or(NONE)
    }

    fn link(&mut self, parent: Option<u32>, bits: u128, child: u32) {
        match parent.and_then(|parent| self.nodes.get_mut(parent as usize)) {
            Some(node) => {
                let side = side(bits, node.length);
                node.children.get_mut(side).into_iter().for_each(|to| *to = child);
            }
            None => self.root = child,
        }
    }
}

impl Node {
    fn child(&self, bits: u128) -> u32 {
        let [left, right] = self.children;
        if side(bits, self.length) == 0 { left } else { right }
    }
}

fn key(prefix: &Prefix) -> (u128, u8) {
    let bits = match prefix.address() {
        IpAddr::V4(v4) => align(u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    (bits, prefix.length())
}

/// An address of `width` bits, moved to the high end.
fn align(address: u128, width: u32) -> u128 {
    address.checked_shl(128_u32.saturating_sub(width)).unwrap_or(0)
}

/// How many leading bits are the same.
fn common(a: u128, b: u128) -> u8 {
    u8::try_from((a ^ b).leading_zeros()).unwrap_or(128)
}

/// The bit at `position` from the left: on which side the path goes on.
fn side(bits: u128, position: u8) -> usize {
    usize::from(bits.checked_shl(u32::from(position)).unwrap_or(0) >> 127 == 1)
}

fn mask(bits: u128, length: u8) -> u128 {
    bits & u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(length))).unwrap_or(0)
}
