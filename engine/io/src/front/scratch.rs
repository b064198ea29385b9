//! One read buffer for the whole front: bytes rest in it only within one poll.
//!
//! An idle connection holds no buffer of ours; that is what makes a node's WebSocket cost little. The front runs on one
//! thread, and no poll that uses the buffer calls another one that does.
use std::cell::RefCell;

/// One TLS record.
const SIZE: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Run `work` with the buffer. Must not be nested.
pub fn with<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}
