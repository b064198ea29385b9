//! The way to a relay's WebSocket: name, TCP, an HTTP CONNECT proxy if there is one, TLS, upgrade.
//!
//! Blocking, with one deadline over all of it, in a thread of its own (`dial`): it happens where UDP is blocked, once in
//! minutes. What comes out is a non-blocking stream. The certificate is not held to a name: TLS is here so that
//! middleboxes let the bytes pass. Who the relay is, its key shows within (`warren_proto::relay`), as for UDP; so a
//! relay with a self-signed certificate is as good as any, and a false one is none.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use rustls_pki_types::ServerName;

use super::authority;
use super::upgrade;
use super::url::{Proxy, Url};
use crate::limits::{DIAL_ADDRESS_S, DIAL_HEAD_MAX_BYTES, DIAL_MAX_S};

/// An open WebSocket, and what the server sent behind its answer.
pub struct Open {
    /// Non-blocking.
    pub tcp: TcpStream,
    /// `None` for `http://`.
    pub tls: Option<Box<ClientConnection>>,
    /// Bytes of the stream that were read already.
    pub early: Vec<u8>,
}

/// Everything that one attempt needs.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the WebSocket is.
    pub url: Url,
    /// Through whom.
    pub proxy: Option<Proxy>,
}

/// A TCP connection that gives up at the attempt's end: each read and write waits for what is left of the time, so that
/// who sends a byte now and then gains none.
struct Timed {
    tcp: TcpStream,
    until: Instant,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(left(self.until)?))?;
        self.tcp.read(into)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(left(self.until)?))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// The same with TLS or without.
struct Line {
    tcp: Timed,
    tls: Option<Box<ClientConnection>>,
}

/// Connects; what went wrong as an error whose text is for people.
pub fn open(target: &Target, nonce: [u8; 16]) -> io::Result<Open> {
    open_until(
        target,
        nonce,
        Instant::now() + Duration::from_secs(DIAL_MAX_S),
    )
}

fn open_until(target: &Target, nonce: [u8; 16], until: Instant) -> io::Result<Open> {
    let (host, port) = match &target.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (target.url.host.as_str(), target.url.port),
    };
    let tcp = connect(host, port, until, target.proxy.is_some())?;
    let mut line = Line {
        tcp: Timed { tcp, until },
        tls: None,
    };
    if let Some(proxy) = &target.proxy {
        line.tunnel(proxy, &target.url)?;
    }
    if target.url.is_tls {
        line.begin_tls(&target.url.host)?;
    }
    let early = line.upgrade(&target.url, nonce)?;
    let tcp = line.tcp.tcp;
    tcp.set_read_timeout(None)?;
    tcp.set_write_timeout(None)?;
    tcp.set_nonblocking(true)?;
    Ok(Open {
        tcp,
        tls: line.tls,
        early,
    })
}

/// The first address that answers, of those that may be dialled.
fn connect(host: &str, port: u16, until: Instant, is_proxy: bool) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        if !is_proxy && !may_dial(host, address.ip()) {
            continue;
        }
        let patience = left(until)?.min(Duration::from_secs(DIAL_ADDRESS_S));
        match TcpStream::connect_timeout(&address, patience) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A server names relays, and its name for one may not lead to this machine's own programs, nor to its links'. Who wrote
/// the address itself was asked before (`node/paths/relays.py`); the user's own proxy may be anywhere.
fn may_dial(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let is_written = host == "localhost" || host.parse::<IpAddr>().is_ok();
    let is_own = address.is_loopback() || address.is_unspecified();
    !is_link_local && !address.is_multicast() && (is_written || !is_own)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

impl Line {
    /// RFC 9110, 9.3.6.
    fn tunnel(&mut self, proxy: &Proxy, to: &Url) -> io::Result<()> {
        let authority = to.authority();
        let mut request =
            format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
        if let Some(credentials) = &proxy.credentials {
            let encoded = upgrade::base64(credentials.as_bytes());
            request.extend(format!("Proxy-Authorization: Basic {encoded}\r\n").into_bytes());
        }
        request.extend(b"\r\n");
        self.write(&request)?;
        let head = self.read_head()?;
        match upgrade::status(&head.bytes) {
            // The server does not speak first, so nothing may follow the proxy's answer.
            Some(200..=299) if head.behind.is_empty() => Ok(()),
            Some(code) => Err(refused("the proxy answered with HTTP status", code)),
            None => Err(nonsense("the proxy does not answer like one")),
        }
    }

    fn begin_tls(&mut self, host: &str) -> io::Result<()> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| nonsense("the relay's host is no name for TLS"))?;
        let config = authority::client_config().map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut self.tcp).map_err(in_words)?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// RFC 6455, section 4.1; gives the bytes behind the answer.
    fn upgrade(&mut self, url: &Url, nonce: [u8; 16]) -> io::Result<Vec<u8>> {
        let key = upgrade::base64(&nonce);
        self.write(upgrade::request(&url.authority(), &key).as_bytes())?;
        let head = self.read_head()?;
        match upgrade::status(&head.bytes) {
            Some(101) if upgrade::is_accepted(&head.bytes, &key) => Ok(head.behind),
            Some(101) => Err(nonsense("the answer to the upgrade is not for us")),
            Some(code) => Err(refused("the relay answered with HTTP status", code)),
            None => Err(nonsense("the relay does not answer like a WebSocket")),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).write_all(bytes),
            None => self.tcp.write_all(bytes),
        }
        .map_err(in_words)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls.as_mut(), &mut self.tcp).read(into),
            None => self.tcp.read(into),
        }
        .map_err(in_words)
    }

    /// Reads up to the empty line, and what came with it.
    fn read_head(&mut self) -> io::Result<Head> {
        let mut bytes = Vec::new();
        let mut piece = [0; 2048];
        loop {
            let count = self.read(&mut piece)?;
            if count == 0 {
                return Err(nonsense("the other side ended the connection"));
            }
            bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
            if let Some(end) = upgrade::head_end(&bytes) {
                let behind = bytes.split_off(end);
                return Ok(Head { bytes, behind });
            }
            if bytes.len() > DIAL_HEAD_MAX_BYTES {
                return Err(nonsense("the answer has no end"));
            }
        }
    }
}

/// An HTTP answer up to its empty line, and what came behind it.
struct Head {
    bytes: Vec<u8>,
    behind: Vec<u8>,
}

fn nonsense(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn refused(text: &str, code: u16) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, format!("{text} {code}"))
}

/// A socket's own timeout reads as EAGAIN (socket(7)).
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::Error::new(io::ErrorKind::TimedOut, "no answer in time");
    }
    error
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::net::TcpListener;
    use std::thread::spawn;

    use super::*;

    /// Dials somebody who begins so and then sends a byte every 50 ms: how long it took to give up.
    fn gives_up_after(begins: &'static [u8], is_tls: bool) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let drips = spawn(move || {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut sent = tcp.write_all(begins);
            while sent.is_ok() {
                std::thread::sleep(Duration::from_millis(50));
                sent = tcp.write_all(b"x");
            }
        });
        let scheme = if is_tls { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://127.0.0.1:{port}")).unwrap();
        let began = Instant::now();
        let until = began + Duration::from_millis(500);
        assert!(open_until(&Target { url, proxy: None }, [0; 16], until).is_err());
        drips.join().unwrap();
        began.elapsed()
    }

    #[test]
    fn a_name_leads_to_no_program_of_this_machine() {
        let may = |host, address: &str| may_dial(host, address.parse().unwrap());
        assert!(may("relay.example.org", "192.0.2.1") && may("relay.example.org", "10.0.0.1"));
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "fe80::1",
            "0.0.0.0",
        ] {
            assert!(!may("relay.example.org", address), "{address}");
        }
        assert!(may("127.0.0.1", "127.0.0.1"), "asked before");
        assert!(!may("169.254.169.254", "169.254.169.254"));
    }

    #[test]
    fn who_drips_bytes_gains_no_time() {
        let most = Duration::from_secs(5);
        assert!(gives_up_after(b"\x16\x03\x03\x40\x00", true) < most); // a TLS record of 16 KiB
        assert!(gives_up_after(b"HTTP/1.1 101 ", false) < most);
    }
}
