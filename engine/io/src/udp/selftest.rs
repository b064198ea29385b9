//! What the kernel's UDP offloads are worth, tried over loopback at the start: some kernels mangle trains whose last
//! datagram is as long as the others, and some refuse them.
//!
//! Two sockets of their own, a train of equal datagrams and one with a short end, received with `UDP_GRO` and without.
//! Where loopback cannot be used nothing is learnt. Loopback is asked once more when a train is first refused at work:
//! only a kernel that refuses it there too takes the offload down.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use warren_proto::{Endpoint, Incoming, Train, Trains};

use super::open::{local_port, open, set_option};
use super::receive::Receiver;
use super::send::send_train;
use crate::arena::Arena;
use crate::limits::SELF_TEST_MAX_MS;
use crate::offloads::{Ladder, Offload, State, Wanted};
use crate::poll::{Interest, wait};

/// Lengths of the test's datagrams: equal ones, then a train with a short end.
const LENS: [[usize; 4]; 2] = [[600, 600, 600, 600], [600, 600, 600, 37]];

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Whole,
    Mangled,
    Refused(i32),
    Unknown,
}

/// What may be used, as far as one can tell here.
pub fn try_out(wanted: Wanted) -> Ladder {
    let mut ladder = Ladder::NONE;
    for offload in [Offload::UdpSend, Offload::UdpReceive] {
        ladder.set(offload, wanted.start(offload));
    }
    if ladder.is_on(Offload::UdpSend) {
        match run(false) {
            Outcome::Whole | Outcome::Unknown => {}
            Outcome::Mangled => ladder.set(Offload::UdpSend, State::Broken),
            Outcome::Refused(errno) => ladder.set(Offload::UdpSend, State::Refused(errno)),
        }
    }
    if ladder.is_on(Offload::UdpReceive) && ladder.is_on(Offload::UdpSend) {
        match run(true) {
            Outcome::Whole | Outcome::Unknown => {}
            Outcome::Mangled => ladder.set(Offload::UdpReceive, State::Broken),
            Outcome::Refused(errno) => ladder.set(Offload::UdpReceive, State::Refused(errno)),
        }
    }
    ladder
}

/// Does this kernel refuse any train? Asked where one was refused at work; a socket sends to itself, nobody waits.
pub fn refuses_trains() -> bool {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = open(loopback);
    let sent = socket.and_then(|socket| {
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, local_port(&socket)?));
        Ok(send(&socket, remote, &train(remote, LENS[0])))
    });
    matches!(sent, Ok(Outcome::Refused(_)))
}

/// Has the socket bring many datagrams in one receive.
pub fn receive_merged(socket: &OwnedFd) -> Result<(), i32> {
    set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
        .map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))
}

fn run(merged: bool) -> Outcome {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (Ok(from), Ok(to)) = (open(loopback), open(loopback)) else {
        return Outcome::Unknown;
    };
    let Ok(port) = local_port(&to) else {
        return Outcome::Unknown;
    };
    if merged && let Err(errno) = receive_merged(&to) {
        return Outcome::Refused(errno);
    }
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for lens in LENS {
        let trains = train(remote, lens);
        let sent = send(&from, remote, &trains);
        if sent != Outcome::Whole {
            return sent;
        }
        let received = receive(&to, &trains);
        if received != Outcome::Whole {
            return received;
        }
    }
    Outcome::Whole
}

/// Datagrams that differ in every byte that a kernel could confuse.
fn train(remote: SocketAddr, lens: [usize; 4]) -> Trains {
    let mut trains = Trains::new(lens.iter().sum(), lens.len());
    for (number, len) in lens.into_iter().enumerate() {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + number * 31) as u8).collect();
        trains.push_copy(None, Endpoint::Udp { remote }, &bytes);
    }
    trains
}

fn send(from: &OwnedFd, remote: SocketAddr, trains: &Trains) -> Outcome {
    for train in trains.list() {
        match send_train(from.as_raw_fd(), trains.bytes(), train, remote) {
            Ok(()) => {}
            Err(errno @ (libc::EIO | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOPROTOOPT)) => {
                return Outcome::Refused(errno);
            }
            // No loopback, or a firewall over it: nothing about the offload.
            Err(_) => return Outcome::Unknown,
        }
    }
    Outcome::Whole
}

fn receive(to: &OwnedFd, trains: &Trains) -> Outcome {
    let expected: Vec<&[u8]> = trains
        .list()
        .iter()
        .flat_map(Train::datagrams)
        .map(|span| trains.get(span))
        .collect();
    let mut arena = Arena::new(4, 4096);
    let mut receiver = Receiver::new();
    let mut got: Vec<Vec<u8>> = Vec::new();
    let end = Instant::now() + Duration::from_millis(SELF_TEST_MAX_MS);
    while got.len() < expected.len() {
        let Some(left) = end.checked_duration_since(Instant::now()) else {
            return if got.is_empty() {
                Outcome::Unknown
            } else {
                Outcome::Mangled
            };
        };
        let mut interests = [Interest::new(to.as_raw_fd(), false)];
        if wait(&mut interests, Some(left)).is_err() {
            return Outcome::Unknown;
        }
        let mut datagrams: Vec<Incoming> = Vec::new();
        match receiver.turn(to.as_raw_fd(), &mut arena, &mut datagrams) {
            Ok(0) | Err(_) => {}
            Ok(_) => return Outcome::Mangled,
        }
        got.extend(datagrams.iter().map(|one| arena.get(one.span).to_vec()));
    }
    if got.iter().map(Vec::as_slice).eq(expected) {
        Outcome::Whole
    } else {
        Outcome::Mangled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_passes_or_says_why_not() {
        for offload in [Offload::UdpSend, Offload::UdpReceive] {
            let state = try_out(Wanted::ALL).get(offload);
            assert!(
                matches!(state, State::On | State::Refused(_) | State::Broken),
                "{state:?}"
            );
        }
    }

    #[test]
    fn what_nobody_wants_is_not_tried() {
        let ladder = try_out(Wanted(0));
        assert_eq!(ladder.get(Offload::UdpSend), State::Unwanted);
        assert_eq!(ladder.get(Offload::UdpReceive), State::Unwanted);
    }
}
