//! Allowed prefixes against a map that is searched from end to end.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;

use super::input::Input;
use crate::allowed_ips::AllowedIps;
use crate::{Prefix, limits};

/// Who owns an address is the same in both, after every change, and nothing is left when all went.
pub(super) fn routes(data: &[u8]) {
    let mut input = Input::new(data);
    let mut trie = AllowedIps::new();
    let mut model: BTreeMap<Prefix, u32> = BTreeMap::new();
    while !input.is_empty() {
        let what = input.byte();
        let address = address(&mut input, what & 1 == 1);
        let slot = u32::from(what >> 6);
        match what >> 1 & 3 {
            0 => assert_eq!(trie.owner(&address), owner(&model, &address)),
            1 => {
                let Some(prefix) = Prefix::new(address, input.byte()) else { continue };
                trie.remove(&prefix, slot);
                if model.get(&prefix) == Some(&slot) {
                    model.remove(&prefix);
                }
            }
            _ => {
                let Some(prefix) = Prefix::new(address, input.byte()) else { continue };
                assert_eq!(Prefix::new(prefix.address(), prefix.length()), Some(prefix), "cut once is cut");
                assert!(trie.insert(&prefix, slot));
                model.insert(prefix, slot);
                assert_eq!(trie.owner(&address), owner(&model, &address));
            }
        }
        assert_eq!(trie.room(), limits::ALLOWED_IPS - model.len());
    }
    for (prefix, slot) in &model {
        trie.remove(prefix, *slot);
    }
    assert!(trie.is_empty(), "a trie without prefixes has no nodes");
}

/// Few bytes that spread over the address, so that prefixes meet.
fn address(input: &mut Input<'_>, is_v4: bool) -> IpAddr {
    let (high, low) = (u128::from(input.byte()), u128::from(input.byte()));
    if is_v4 {
        IpAddr::V4(Ipv4Addr::from((high << 24 | low) as u32))
    } else {
        IpAddr::V6(Ipv6Addr::from(high << 120 | low << 60 | low & 1))
    }
}

fn owner(model: &BTreeMap<Prefix, u32>, address: &IpAddr) -> Option<u32> {
    let contains = |prefix: &&Prefix| {
        prefix.address().is_ipv4() == address.is_ipv4()
            && Prefix::new(*address, prefix.length()).is_some_and(|cut| cut.address() == prefix.address())
    };
    let best = model.keys().filter(contains).max_by_key(|prefix| prefix.length())?;
    model.get(best).copied()
}
