//! One request: is it for us, is it whole, then over to the web part and the answer back.
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Response, StatusCode, Version};

use super::Front;
use super::body::{Answer, receive};
use super::budget::Share;
use super::connection::{Conversation, Upgraded};
use super::counters::Count;
use super::head::Framing;
use super::headers;
use super::problem::{self, Refusal};
use super::relay;
use super::source::Source;
use super::web::Upgrade;

/// What hyper calls for each request of one connection.
pub struct Forward {
    link: Arc<Link>,
}

/// The connection that requests come over.
struct Link {
    front: Arc<Front>,
    conversation: Arc<Conversation>,
    source: Source,
    peer: HeaderValue,
    number: HeaderValue,
}

impl Forward {
    /// For requests of one connection.
    pub fn new(
        front: Arc<Front>,
        conversation: Arc<Conversation>,
        peer: IpAddr,
        number: u64,
    ) -> Self {
        // An IP address has visible ASCII characters only, so the fallback is never taken.
        let source = Source::of(peer);
        let peer = HeaderValue::try_from(peer.to_canonical().to_string())
            .unwrap_or_else(|_never| HeaderValue::from_static("unknown"));
        let link = Link {
            front,
            conversation,
            source,
            peer,
            number: HeaderValue::from(number),
        };
        Self {
            link: Arc::new(link),
        }
    }
}

impl Service<Request<Incoming>> for Forward {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let link = Arc::clone(&self.link);
        Box::pin(async move {
            link.front.counters.add(Count::Requests);
            let answer = match link.conversation.framing() {
                Framing::Upgrade => link.upgrade(request).await,
                Framing::Chunked => link.request(request).await.map(closing),
                Framing::Length(_) => link.request(request).await,
            };
            Ok(answer.unwrap_or_else(|refusal| link.refuse(refusal)))
        })
    }
}

impl Link {
    async fn request(&self, request: Request<Incoming>) -> Result<Response<Answer>, Refusal> {
        self.check_host(&request)?;
        let front = &self.front;
        let (head, body) = request.into_parts();
        let deadline = self.conversation.course().body_deadline();
        let mut share = Share::of(&front.budget, self.source);
        let body = receive(body, self.body_max_bytes(&head), deadline, &mut share).await?;
        let request = self.outgoing(head, body, false);
        let (response, lease) = front.web.send(request, self.answer_deadline()).await?;
        drop(share);
        let (mut head, incoming) = response.into_parts();
        if head.status.is_informational() {
            return Err(Refusal::Broken); // a switch of protocols that nobody asked for
        }
        headers::to_client(&mut head.headers, false);
        head.version = Version::HTTP_11;
        let answer = Answer::of_web(incoming, lease, Some(&front.web), &self.conversation);
        Ok(Response::from_parts(head, answer))
    }

    async fn upgrade(&self, request: Request<Incoming>) -> Result<Response<Answer>, Refusal> {
        self.check_host(&request)?;
        let front = &self.front;
        if let Some(relay) = front
            .relay
            .as_ref()
            .filter(|_| request.uri().path() == relay::PATH)
        {
            let response = relay::upgrade(&request)?;
            self.conversation
                .handle_upgraded(Upgraded::Relay(Arc::clone(relay.hub())));
            return Ok(response.map(|nothing| Answer::own(nothing, &self.conversation)));
        }
        let (head, _nothing) = request.into_parts();
        let request = self.outgoing(head, Bytes::new(), true);
        match front.web.upgrade(request, self.answer_deadline()).await? {
            Upgrade::Agreed(response, side) => {
                front.counters.add(Count::Upgrades);
                self.conversation.handle_upgraded(Upgraded::Web(side));
                let (mut head, _nothing) = response.into_parts();
                headers::to_client(&mut head.headers, true);
                let answer = Answer::own(Bytes::new(), &self.conversation);
                Ok(Response::from_parts(head, answer))
            }
            Upgrade::Declined(response, lease) => {
                let (mut head, incoming) = response.into_parts();
                headers::to_client(&mut head.headers, false);
                let answer = Answer::of_web(incoming, lease, None, &self.conversation);
                Ok(closing(Response::from_parts(head, answer)))
            }
        }
    }

    fn check_host(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        let host = request.headers().get(header::HOST);
        let served = host.is_some_and(|host| self.front.hosts.serves(host.as_bytes()));
        served.then_some(()).ok_or(Refusal::Misdirected)
    }

    /// Who shows no credential has nothing large to say.
    fn body_max_bytes(&self, head: &hyper::http::request::Parts) -> usize {
        let limits = &self.front.limits;
        if head.headers.contains_key(header::AUTHORIZATION) {
            limits.body_max_bytes
        } else {
            limits.body_max_bytes.min(limits.open_body_max_bytes)
        }
    }

    fn outgoing(
        &self,
        mut head: hyper::http::request::Parts,
        body: Bytes,
        upgrade: bool,
    ) -> Request<Full<Bytes>> {
        head.version = Version::HTTP_11;
        head.extensions.clear();
        headers::to_web(&mut head.headers, &self.peer, &self.number, upgrade);
        Request::from_parts(head, Full::new(body))
    }

    fn answer_deadline(&self) -> Instant {
        Instant::now() + self.front.limits.response
    }

    fn refuse(&self, refusal: Refusal) -> Response<Answer> {
        self.front.counters.add(refusal.count());
        problem::answer(refusal).map(|body| Answer::own(body, &self.conversation))
    }
}

/// Nothing more is read from the connection after this answer.
fn closing(mut response: Response<Answer>) -> Response<Answer> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}
