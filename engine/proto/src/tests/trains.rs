//! Trains against a list of datagrams: whatever is pushed comes out in order, in trains that one send can take.

use proptest::prelude::*;

use super::pair::udp;
use crate::limits::{RELAY_LEAD, TRAIN_BYTES, TRAIN_DATAGRAMS};
use crate::{Endpoint, PeerId, Train, Trains};

fn endpoint(which: u8) -> Endpoint {
    if which == 0 { Endpoint::Relay { relay: 1, channel: 2 } } else { udp(which, 7) }
}

/// Every datagram that waits, without its lead.
fn waiting(trains: &Trains) -> Vec<(Endpoint, Vec<u8>)> {
    let of_train = |train: &Train| {
        let (endpoint, lead) = (train.endpoint, train.lead);
        train.datagrams().map(move |span| (endpoint, lead, span)).collect::<Vec<_>>()
    };
    let all = trains.list().iter().flat_map(of_train);
    all.map(|(endpoint, lead, span)| (endpoint, trains.get(span)[lead..].to_vec())).collect()
}

proptest! {
    #[test]
    fn what_was_pushed_waits_in_order_and_leaves_from_the_front(
        pushes in proptest::collection::vec((0_u8..3, prop_oneof![Just(1000_usize), Just(1001), 1_usize..60, Just(40_000)]), 0..200),
        sent in 0_usize..6, datagrams in 0_usize..70,
    ) {
        let mut trains = Trains::new(600_000, 150);
        let mut model = vec![];
        for (number, (which, len)) in pushes.into_iter().enumerate() {
            let bytes = vec![u8::try_from(number % 251).unwrap(); len];
            if trains.push_copy(Some(PeerId(u64::from(which))), endpoint(which), &bytes) {
                model.push((endpoint(which), bytes));
            }
        }
        prop_assert_eq!(waiting(&trains), &model[..]);
        for train in trains.list() {
            prop_assert!(train.count() <= TRAIN_DATAGRAMS && (train.count() == 1 || train.span.len <= TRAIN_BYTES));
            let lens: Vec<usize> = train.datagrams().map(|span| span.len).collect();
            prop_assert!(lens[..lens.len() - 1].iter().all(|len| *len == train.stride));
            prop_assert_eq!(train.lead, if matches!(train.endpoint, Endpoint::Relay { .. }) { RELAY_LEAD } else { 0 });
        }
        let gone: usize = trains.list().iter().take(sent).map(Train::count).sum();
        let of_next = trains.list().get(sent).map_or(0, |train| train.count().min(datagrams));
        trains.drop_front(sent, datagrams);
        prop_assert_eq!(waiting(&trains), &model[gone + of_next..]);
        prop_assert!(!trains.is_empty() || trains.used() == 0, "the memory is free again");
    }
}
