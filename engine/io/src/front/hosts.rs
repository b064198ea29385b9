//! The list of names under which the front answers (SECURITY.md, rule 2): what stands in `Host` is compared literally.
//!
//! An entry with a port matches exactly; one without matches the name with any port or none. Case does not count.
//! Against DNS rebinding the name is what matters; a port is given where several servers share one name.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use std::net::Ipv6Addr;

/// The names that are served.
#[derive(Debug, Default)]
pub struct Hosts {
    with_port: Vec<Vec<u8>>,
    any_port: Vec<Vec<u8>>,
}

impl Hosts {
    /// Take the list over. An entry that no request could ever match is an error, named in the text.
    pub fn parse(entries: &[Vec<u8>]) -> Result<Self, String> {
        let mut hosts = Self::default();
        for entry in entries {
            let entry = with_brackets(entry.to_ascii_lowercase());
            let (name, port) = split(&entry).ok_or_else(|| {
                format!(
                    "{:?} is no host name, with or without a port",
                    String::from_utf8_lossy(&entry)
                )
            })?;
            if port.is_some() {
                hosts.with_port.push(entry);
            } else {
                hosts.any_port.push(name.to_vec());
            }
        }
        Ok(hosts)
    }

    /// Whether requests with this `Host` value are for us.
    pub fn serves(&self, host: &[u8]) -> bool {
        let same = |entry: &Vec<u8>, asked: &[u8]| entry.eq_ignore_ascii_case(asked);
        split(host).is_some_and(|(name, _)| {
            self.with_port.iter().any(|entry| same(entry, host))
                || self.any_port.iter().any(|entry| same(entry, name))
        })
    }
}

/// An IPv6 address as it stands in `Host`, also where it was given bare.
fn with_brackets(entry: Vec<u8>) -> Vec<u8> {
    let text = std::str::from_utf8(&entry).unwrap_or_default();
    if text.parse::<Ipv6Addr>().is_ok() {
        return format!("[{text}]").into_bytes();
    }
    entry
}

/// Name (an IPv6 address with its brackets) and port of a `Host` value; `None` where it is not well formed.
fn split(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let name_length = if host.first() == Some(&b'[') {
        host.iter().position(|byte| *byte == b']')?.checked_add(1)?
    } else {
        host.iter()
            .position(|byte| *byte == b':')
            .unwrap_or(host.len())
    };
    let (name, rest) = host.split_at_checked(name_length)?;
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._[]:%".contains(byte);
    if name.is_empty() || !name.iter().all(in_name) {
        return None;
    }
    match rest.split_first() {
        None => Some((name, None)),
        Some((b':', port))
            if (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit) =>
        {
            Some((name, Some(port)))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[&str]) -> Hosts {
        let entries: Vec<Vec<u8>> = entries
            .iter()
            .map(|entry| entry.as_bytes().to_vec())
            .collect();
        Hosts::parse(&entries).unwrap_or_default()
    }

    #[test]
    fn an_entry_without_a_port_matches_every_port_and_one_with_a_port_only_that() {
        let hosts = hosts(&[
            "vpn.example.org",
            "other.example.org:8443",
            "[::1]",
            "2001:db8::1",
        ]);
        for good in [
            "vpn.example.org",
            "VPN.example.ORG:443",
            "other.example.org:8443",
            "[::1]:9",
            "[::1]",
            "[2001:DB8::1]:443",
        ] {
            assert!(hosts.serves(good.as_bytes()), "{good}");
        }
        for bad in [
            "other.example.org",
            "other.example.org:443",
            "example.org",
            "vpn.example.org.",
            "vpn.example.org:",
            "vpn.example.org:http",
            "vpn.example.org:443:443",
            "vpn.example.org@evil",
            "",
            "[::1",
            "::1",
            "evil/vpn.example.org",
        ] {
            assert!(!hosts.serves(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn an_entry_that_nothing_can_match_is_refused() {
        for bad in ["", "http://a", "a b", "a:port", "[::1"] {
            assert!(Hosts::parse(&[bad.as_bytes().to_vec()]).is_err(), "{bad}");
        }
    }
}
