//! Who asks (RFC 8489, 9.2.4), in the RFC's order: seal there, attributes there, nonce ours and young, user good, seal
//! right. Before the nonce came back the sender is unproven, and its challenge is as short as can be.

use super::{Server, Sockets, unknown_attributes};
use crate::Now;
use crate::counters::count;
use crate::time::Instant;
use crate::turn::attribute::kind;
use crate::turn::build::Builder;
use crate::turn::client::Client;
use crate::turn::credentials::parse_username;
use crate::turn::message::{Class, Message, Method};
use crate::turn::nonce::Verdict;
use crate::turn::seal::{Algorithm, Key, PasswordAlgorithm};

/// What PASSWORD-ALGORITHMS says: SHA-256, then MD5, neither with parameters.
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// A request whose seal is right.
pub(super) struct Asked<'m> {
    pub(super) client: Client,
    pub(super) message: &'m Message<'m>,
    /// Who the user is, without the time of its name.
    pub(super) user: &'m [u8],
    algorithm: Algorithm,
    key: Key,
}

/// Why a request is not answered as asked.
enum Refused {
    /// 401 or 438: with realm and a fresh nonce.
    Challenge { number: u16, is_proven: bool },
    /// 400.
    Malformed { is_proven: bool },
}

impl Asked<'_> {
    /// The answer, sealed as the request was.
    pub(super) fn succeed(&self, fill: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
        self.answer(Class::Success, fill)
    }

    /// A refusal, sealed as the request was.
    pub(super) fn refuse(&self, number: u16) -> Vec<u8> {
        self.answer(Class::Error, |answer| answer.error(number))
    }

    fn answer(&self, class: Class, fill: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
        let answer = fill(Builder::new(class, self.message.method, self.message.transaction));
        let answer = answer.seal(self.algorithm, &self.key);
        if self.message.has_fingerprint { answer.fingerprint() } else { answer }.finish()
    }
}

impl Server {
    /// Authenticate, then do what is asked.
    pub(super) fn authenticated(
        &mut self,
        now: Now,
        client: Client,
        message: &Message<'_>,
        sockets: &mut dyn Sockets,
    ) -> Option<Vec<u8>> {
        let asked = match self.prove(now, client, message) {
            Ok(asked) => asked,
            Err(Refused::Challenge { number, is_proven }) => {
                return self.challenge(now.mono, &client, message, number, is_proven);
            }
            Err(Refused::Malformed { is_proven }) => {
                let answer = Builder::new(Class::Error, message.method, message.transaction).error(400);
                let may = is_proven || self.may_send(now.mono, &client, answer.size());
                count(if may { &mut self.counters.refused } else { &mut self.counters.drop_no_credit });
                return may.then(|| answer.finish());
            }
        };
        let unknown = unknown_attributes(message);
        let result = if !unknown.is_empty() {
            count(&mut self.counters.refused);
            let fill = |answer: Builder| answer.error(420).attribute(kind::UNKNOWN_ATTRIBUTES, &unknown);
            return Some(asked.answer(Class::Error, fill));
        } else if self.allocation(&client).is_some_and(|known| known.user_id != asked.user) {
            Err(441)
        } else {
            match message.method {
                Method::Allocate => self.allocate(now.mono, &asked, sockets),
                Method::Refresh => self.refresh(now.mono, &asked, sockets),
                Method::CreatePermission => self.create_permission(now.mono, &asked),
                Method::ChannelBind => self.channel_bind(now.mono, &asked),
                Method::Binding | Method::Send | Method::Data | Method::Other(_) => Err(400),
            }
        };
        Some(result.unwrap_or_else(|number| {
            count(&mut self.counters.refused);
            asked.refuse(number)
        }))
    }

    fn prove<'m>(&self, now: Now, client: Client, message: &'m Message<'m>) -> Result<Asked<'m>, Refused> {
        let receives = client.is_proven();
        let Some(algorithm) = message.algorithm() else {
            return Err(Refused::Challenge { number: 401, is_proven: receives });
        };
        let parts = (message.value(kind::USERNAME), message.value(kind::REALM), message.value(kind::NONCE));
        let (Some(username), Some(_), Some(nonce)) = parts else {
            return Err(Refused::Malformed { is_proven: receives });
        };
        let announces = match self.nonces.judge(now.mono, &client, nonce) {
            Verdict::Good { announces } => announces,
            Verdict::Stale => return Err(Refused::Challenge { number: 438, is_proven: true }),
            Verdict::Foreign => return Err(Refused::Challenge { number: 438, is_proven: receives }),
        };
        let Some(password_algorithm) = password_algorithm(message, announces) else {
            return Err(Refused::Malformed { is_proven: true });
        };
        let known = parse_username(username).filter(|user| user.is_good(now.wall));
        let (Some(user), Some(secret)) = (known, &self.config.secret) else {
            return Err(Refused::Challenge { number: 401, is_proven: true });
        };
        let key = secret.key(password_algorithm, username, &self.config.realm);
        if !message.verifies(algorithm, &key) {
            return Err(Refused::Challenge { number: 401, is_proven: true });
        }
        Ok(Asked { client, message, user: user.id, algorithm, key })
    }

    /// Realm and nonce: with the announcement of algorithms where there is room for it, without where not, or not at
    /// all.
    fn challenge(
        &mut self,
        now: Instant,
        client: &Client,
        message: &Message<'_>,
        number: u16,
        is_proven: bool,
    ) -> Option<Vec<u8>> {
        for announces in [true, false] {
            let answer = Builder::new(Class::Error, message.method, message.transaction).error(number);
            let answer = answer.attribute(kind::REALM, &self.config.realm);
            let answer = answer.attribute(kind::NONCE, &self.nonces.issue(now, client, announces));
            let answer = if announces { answer.attribute(kind::PASSWORD_ALGORITHMS, &ALGORITHMS) } else { answer };
            let may = |server: &mut Self, bytes| is_proven || server.may_send(now, client, bytes);
            let whole = answer.size().saturating_add(8);
            let answer = if message.has_fingerprint && may(self, whole) {
                answer.fingerprint()
            } else if may(self, answer.size()) {
                answer
            } else {
                continue;
            };
            count(&mut self.counters.challenged);
            return Some(answer.finish());
        }
        count(&mut self.counters.drop_no_credit);
        None
    }
}

/// How the client made its key; `None` where what it says of that is not what it was offered (RFC 8489, 9.2.4).
fn password_algorithm(message: &Message<'_>, announces: bool) -> Option<PasswordAlgorithm> {
    if !announces {
        return Some(PasswordAlgorithm::Md5);
    }
    match (message.value(kind::PASSWORD_ALGORITHMS), message.value(kind::PASSWORD_ALGORITHM)) {
        (None, None) => Some(PasswordAlgorithm::Md5),
        (Some(offered), Some([0, 1, 0, 0])) if offered == ALGORITHMS => Some(PasswordAlgorithm::Md5),
        (Some(offered), Some([0, 2, 0, 0])) if offered == ALGORITHMS => Some(PasswordAlgorithm::Sha256),
        _ => None,
    }
}
