//! Reads where a request's head ends and how its body is framed, before hyper sees a byte of it (RFC 9112).
//!
//! hyper takes what real clients send: bare LF, a `Content-Length` beside `Transfer-Encoding`, the same length twice,
//! lines before the request line. Behind a front each of these is how two parsers come to disagree about where a
//! request ends, so here they are refused, and what passes has exactly one reading. Pure: bytes in, verdict out.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use super::problem::Refusal;

/// hyper's own maximum; more is refused here so that every refusal is a problem with a code.
const HEADERS_MAX: usize = 100;
const METHOD_MAX_BYTES: usize = 32;

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// This many bytes; 0 where the head says nothing.
    Length(u64),
    /// Chunked: only hyper knows where it ends, so the connection ends with it.
    Chunked,
    /// A WebSocket handshake: what follows is no HTTP.
    Upgrade,
}

/// A complete head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its length in bytes, the empty line included.
    pub length: usize,
    /// What follows it.
    pub framing: Framing,
}

/// Looks for the end of one head in bytes that come in pieces; no byte is looked at twice.
#[derive(Debug, Default)]
pub struct Scanner {
    at: usize,
    line: usize,
}

impl Scanner {
    /// Look on in `bytes`, which begin where the head begins. `None`: more bytes are needed.
    pub fn scan(&mut self, bytes: &[u8], max_bytes: usize) -> Result<Option<Head>, Refusal> {
        while let Some(byte) = bytes.get(self.at) {
            match (byte, bytes.get(self.at.saturating_add(1))) {
                (b'\r', None) => break,
                (b'\r', Some(b'\n')) => {
                    let empty = self.at == self.line;
                    self.at = self.at.saturating_add(2);
                    if empty {
                        return self.judged(bytes, max_bytes).map(Some);
                    }
                    self.line = self.at;
                }
                (b'\t', _) => self.at = self.at.saturating_add(1),
                (control, _) if control.is_ascii_control() => return Err(Refusal::Malformed),
                _ => self.at = self.at.saturating_add(1),
            }
        }
        if bytes.len() > max_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(None)
    }

    fn judged(&self, bytes: &[u8], max_bytes: usize) -> Result<Head, Refusal> {
        if self.at > max_bytes {
            return Err(Refusal::HeadTooLarge);
        }
        let head = bytes.get(..self.at).ok_or(Refusal::Malformed)?;
        Ok(Head {
            length: self.at,
            framing: judge(head)?,
        })
    }
}

/// What the headers say about the body; each at most once.
#[derive(Default)]
struct Seen {
    host: bool,
    length: Option<u64>,
    chunked: bool,
    websocket: bool,
    connection_upgrade: bool,
}

fn judge(head: &[u8]) -> Result<Framing, Refusal> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty());
    let request = lines.next().ok_or(Refusal::Malformed)?;
    let (method, is_11) = request_line(request).ok_or(Refusal::Malformed)?;
    let mut seen = Seen::default();
    for (index, line) in lines.enumerate() {
        if index >= HEADERS_MAX {
            return Err(Refusal::HeadTooLarge);
        }
        header(line, is_11, &mut seen).ok_or(Refusal::Malformed)?;
    }
    let upgrade = seen.websocket && seen.connection_upgrade && is_11 && method == b"GET";
    match (seen.host, upgrade, seen.chunked, seen.length) {
        (false, ..) | (_, _, true, Some(_)) | (_, true, true, _) | (_, true, _, Some(1..)) => {
            Err(Refusal::Malformed)
        }
        (_, true, ..) => Ok(Framing::Upgrade),
        (_, _, true, None) => Ok(Framing::Chunked),
        (_, _, false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// Method and whether the version is 1.1. Only the origin form is taken: absolute and authority forms are for proxies.
fn request_line(line: &[u8]) -> Option<(&[u8], bool)> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let method_ok = (1..=METHOD_MAX_BYTES).contains(&method.len())
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'-');
    let target_ok = target.starts_with(b"/") && target.iter().all(u8::is_ascii_graphic);
    let is_11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return None,
    };
    (parts.next().is_none() && method_ok && target_ok && method != b"CONNECT")
        .then_some((method, is_11))
}

/// Take one header line in. `None`: it is malformed, comes twice where it must not, or says what cannot be served.
fn header(line: &[u8], is_11: bool, seen: &mut Seen) -> Option<()> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    if name.is_empty() || !name.iter().all(is_token) {
        return None; // an obsolete fold (a line that begins with a blank) and a blank before the colon end here
    }
    let value = value.get(1..)?.trim_ascii();
    if name.eq_ignore_ascii_case(b"host") {
        once(&mut seen.host)
    } else if name.eq_ignore_ascii_case(b"content-length") {
        let length = decimal(value)?;
        seen.length.replace(length).is_none().then_some(())
    } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
        (is_11 && value.eq_ignore_ascii_case(b"chunked")).then_some(())?;
        once(&mut seen.chunked)
    } else if name.eq_ignore_ascii_case(b"upgrade") {
        seen.websocket |= value.eq_ignore_ascii_case(b"websocket");
        Some(())
    } else {
        if name.eq_ignore_ascii_case(b"connection") {
            seen.connection_upgrade |= value
                .split(|byte| *byte == b',')
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
        }
        Some(())
    }
}

fn once(flag: &mut bool) -> Option<()> {
    (!std::mem::replace(flag, true)).then_some(())
}

/// Digits only: no sign, no blank, no list.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte
            .is_ascii_digit()
            .then(|| u64::from(byte.wrapping_sub(b'0')))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// `tchar` of RFC 9110, 5.6.2.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 16 * 1024;

    fn scan(text: &str) -> Result<Option<Head>, Refusal> {
        Scanner::default().scan(text.as_bytes(), MAX)
    }

    fn framing(text: &str) -> Result<Framing, Refusal> {
        scan(text).map(|head| head.map_or(Framing::Length(u64::MAX), |head| head.framing))
    }

    #[test]
    fn a_head_ends_at_the_empty_line_whatever_pieces_it_comes_in() {
        let text = b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        for first in 0..text.len() {
            let mut scanner = Scanner::default();
            let early = scanner.scan(text.get(..first).unwrap_or_default(), MAX);
            if let Ok(None) = early {
                let expected = Head {
                    length: text.len() - 5,
                    framing: Framing::Length(5),
                };
                assert_eq!(
                    scanner.scan(text, MAX),
                    Ok(Some(expected)),
                    "cut at {first}"
                );
            } else {
                assert!(first >= text.len() - 5, "cut at {first}: {early:?}");
            }
        }
    }

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_malformed() {
        for bad in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET /\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "get / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\n",
        ] {
            assert_eq!(scan(bad), Err(Refusal::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn each_framing_is_recognised() {
        let host = "HTTP/1.1\r\nHost: a\r\n";
        assert_eq!(
            framing(&format!("GET / {host}\r\n")),
            Ok(Framing::Length(0))
        );
        assert_eq!(
            framing(&format!("PUT / {host}transfer-encoding:  Chunked \r\n\r\n")),
            Ok(Framing::Chunked)
        );
        assert_eq!(
            framing(&format!(
                "GET / {host}Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"
            )),
            Ok(Framing::Upgrade)
        );
        assert_eq!(
            framing(&format!("GET / {host}Upgrade: websocket\r\n\r\n")),
            Ok(Framing::Length(0))
        );
        assert_eq!(
            framing(&format!(
                "GET / {host}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
            )),
            Ok(Framing::Length(0))
        );
    }

    #[test]
    fn a_head_over_the_limit_is_too_large_whether_it_ends_or_not() {
        let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(MAX));
        assert_eq!(scan(&endless), Err(Refusal::HeadTooLarge));
        assert_eq!(
            scan(&format!("{endless}\r\n\r\n")),
            Err(Refusal::HeadTooLarge)
        );
        let many = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: y\r\n".repeat(HEADERS_MAX)
        );
        assert_eq!(scan(&many), Err(Refusal::HeadTooLarge));
    }

    /// A small generator, so that a failure can be repeated.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % end.max(1) as u64).unwrap_or(0)
        }

        /// Replace, remove or insert a few bytes, or double a line.
        fn mutate(&mut self, bytes: &mut Vec<u8>) {
            const ALPHABET: &[u8] = b"\r\n\t :,;0123456789abcGHTPos-_/?%\0\x7f\xff";
            for _ in 0..=self.below(3) {
                let at = self.below(bytes.len());
                let byte = ALPHABET
                    .get(self.below(ALPHABET.len()))
                    .copied()
                    .unwrap_or(b' ');
                match self.below(4) {
                    0 => bytes.insert(at, byte),
                    1 => drop(bytes.remove(at)),
                    2 => {
                        let line = bytes.split(|byte| *byte == b'\n').nth(self.below(5));
                        let line = [line.unwrap_or_default(), b"\n"].concat();
                        let at = bytes
                            .iter()
                            .position(|byte| *byte == b'\n')
                            .map_or(0, |at| at + 1);
                        drop(bytes.splice(at..at, line));
                    }
                    _ => bytes.splice(at..=at, [byte]).for_each(drop),
                }
            }
        }
    }

    /// What hyper's parser makes of the same bytes: the head's length, and the lengths and codings it names.
    fn as_hyper_reads(bytes: &[u8]) -> Option<(usize, Vec<String>)> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(bytes).ok()? else {
            return None;
        };
        let framing = request.headers.iter().filter(|header| {
            header.name.eq_ignore_ascii_case("content-length")
                || header.name.eq_ignore_ascii_case("transfer-encoding")
        });
        let framing = framing.map(|header| String::from_utf8_lossy(header.value).to_lowercase());
        Some((length, framing.collect()))
    }

    #[test]
    fn whatever_passes_hyper_reads_in_the_same_way() {
        let seeds: [&[u8]; 4] = [
            b"POST /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nAccept: */*\r\n\r\nhello\r\n\r\n",
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n0\r\n\r\n",
            b"GET /node/v1 HTTP/1.1\r\nHost: a:8443\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"GET / HTTP/1.0\r\nHost: [::1]\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let mut passed = 0;
        for round in 0..200_000 {
            let mut bytes = seeds
                .get(round % seeds.len())
                .map(|seed| seed.to_vec())
                .unwrap_or_default();
            dice.mutate(&mut bytes);
            let Ok(Some(head)) = Scanner::default().scan(&bytes, MAX) else {
                continue;
            };
            passed += 1;
            let expected = match head.framing {
                Framing::Chunked => vec!["chunked".to_owned()],
                Framing::Length(_) | Framing::Upgrade => Vec::new(),
            };
            let (length, named) = as_hyper_reads(&bytes).unwrap_or_default();
            assert_eq!(
                length,
                head.length,
                "{:?}",
                bytes.escape_ascii().to_string()
            );
            if let Framing::Length(length) = head.framing
                && let [named] = named.as_slice()
            {
                assert_eq!(named.parse(), Ok(length));
            } else {
                assert!(named == expected || named == ["0"], "{named:?}");
            }
        }
        assert!(
            passed > 10_000,
            "only {passed} heads passed: the mutations are too rough to say anything"
        );
    }
}
