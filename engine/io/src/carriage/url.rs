//! `http(s)://HOST[:PORT]` of a relay, and `http://[USER:PASSWORD@]HOST:PORT` of a proxy. Pure; Python has checked
//! the text already, so what is wrong here is only refused.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

/// Where a WebSocket is. The host is without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `https`.
    pub is_tls: bool,
    /// A name or an address.
    pub host: String,
    /// TCP.
    pub port: u16,
}

/// An HTTP proxy that CONNECTs.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// A name or an address.
    pub host: String,
    /// TCP.
    pub port: u16,
    /// `USER:PASSWORD`.
    pub credentials: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

impl Url {
    /// Reads it; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (is_tls, rest) = match text.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let (host, port) = split(rest.strip_suffix('/').unwrap_or(rest))?;
        Some(Self {
            is_tls,
            host,
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
        })
    }

    /// `HOST:PORT` as HTTP writes it, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Proxy {
    /// Reads it; `None` for anything else. A proxy that itself speaks TLS is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials.to_owned()), place),
            None => (None, rest),
        };
        let (host, port) = split(place)?;
        Some(Self {
            host,
            port: port.unwrap_or(80),
            credentials,
        })
    }
}

/// Host and port, if one is given; only characters that a host may have.
fn split(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (
            host,
            rest.strip_prefix(':').or(rest.is_empty().then_some(""))?,
        )
    } else {
        text.split_once(':').unwrap_or((text, ""))
    };
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(is_fit) {
        return None;
    }
    let port = if port.is_empty() {
        None
    } else {
        Some(port.parse().ok().filter(|port| *port != 0)?)
    };
    Some((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_one_reading() {
        let read = |text: &str| Url::parse(text).map(|url| (url.is_tls, url.authority()));
        let is = |tls, text: &str| Some((tls, text.to_owned()));
        assert_eq!(read("https://relay.example"), is(true, "relay.example:443"));
        assert_eq!(read("http://192.0.2.1:8443/"), is(false, "192.0.2.1:8443"));
        assert_eq!(read("https://[2001:db8::1]:9"), is(true, "[2001:db8::1]:9"));
        for bad in [
            "",
            "ftp://x",
            "https://",
            "https://a b",
            "http://x:0",
            "http://x:99999",
            "http://x/y",
            "http://[::1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_proxy_may_want_a_password_and_never_shows_it() {
        let proxy = Proxy::parse("http://me:se@cret@proxy.example:3128");
        let Some(proxy) = proxy else {
            panic!("refused")
        };
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.example", 3128));
        assert_eq!(proxy.credentials.as_deref(), Some("me:se@cret"));
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:3128)");
        assert_eq!(Proxy::parse("https://proxy.example:3128"), None);
    }
}
