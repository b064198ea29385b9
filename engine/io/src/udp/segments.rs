//! The two control messages of UDP's offloads (udp(7)): how long the datagrams of one send are, and how long those of
//! one receive were.

use std::mem::MaybeUninit;

/// Room for one control message of at most eight bytes, aligned as the kernel's headers are.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Control([MaybeUninit<u8>; CONTROL_BYTES]);

/// Bytes of that room; `cmsghdr` is 16 on every 64-bit machine.
pub const CONTROL_BYTES: usize = 32;

// SAFETY: CMSG_SPACE only computes.
const _: () = assert!(unsafe { libc::CMSG_SPACE(8) } as usize <= CONTROL_BYTES);

impl Control {
    /// Room to be filled.
    pub fn empty() -> Self {
        Self([MaybeUninit::zeroed(); CONTROL_BYTES])
    }

    /// Says in `header` that what is sent is to be cut every `len` bytes.
    pub fn set_segment(&mut self, header: &mut libc::msghdr, len: u16) {
        header.msg_control = std::ptr::from_mut(self).cast();
        // SAFETY: CMSG_SPACE only computes.
        header.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<u16>() as u32) } as _;
        // SAFETY: the room was set just before, is aligned, and is longer than one control message of two bytes, so
        // the first header and its data lie within it.
        unsafe {
            let message = libc::CMSG_FIRSTHDR(header);
            (*message).cmsg_level = libc::SOL_UDP;
            (*message).cmsg_type = libc::UDP_SEGMENT;
            (*message).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
            std::ptr::write_unaligned(libc::CMSG_DATA(message).cast::<u16>(), len);
        }
    }

    /// Gives `header` this room for what the kernel says of a receive.
    pub fn offer(&mut self, header: &mut libc::msghdr) {
        header.msg_control = std::ptr::from_mut(self).cast();
        header.msg_controllen = CONTROL_BYTES as _;
    }
}

/// The length of each datagram but the last in what `header` received; `None` if it is one.
///
/// # Safety
/// `header` was filled by a receive, with control room that still lives.
pub unsafe fn received_segment(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the caller's promise; the kernel set the length of what it wrote.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: the macros return headers that lie within the room, or null.
        let (level, kind) = unsafe { ((*message).cmsg_level, (*message).cmsg_type) };
        if level == libc::SOL_UDP && kind == libc::UDP_GRO {
            // SAFETY: this message's data is one int (udp(7)).
            let len =
                unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::c_int>()) };
            return usize::try_from(len).ok().filter(|&len| len > 0);
        }
        // SAFETY: as above.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    None
}
