//! A TUN of the Linux kernel (Documentation/networking/tuntap.rst): opened by name pattern, without packet information,
//! removed by the kernel when the last descriptor closes. Addresses, routes and 'up' are the host's business, not ours.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

use warren_proto::{HEADROOM, Opened, Span};

use super::Tun;
use crate::arena::Arena;

const CLONE_DEVICE: &str = "/dev/net/tun";

/// One attached queue of a TUN.
pub struct LinuxTun {
    file: File,
    name: Vec<u8>,
}

impl LinuxTun {
    /// Makes the interface. `pattern` is at most 15 bytes; `%d` in it lets the kernel choose a number.
    ///
    /// Fails with EPERM without CAP_NET_ADMIN, ENOENT or ENODEV where the kernel has no TUN, EBUSY if the name is taken,
    /// EINVAL for a name or MTU that the kernel refuses.
    pub fn open(pattern: &[u8], mtu: usize) -> io::Result<Self> {
        let mut request = interface_request(pattern)?;
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK)
            .open(CLONE_DEVICE)?;
        ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request)?;
        let name: Vec<u8> = request
            .ifr_name
            .iter()
            .map(|&c| c as u8)
            .take_while(|&c| c != 0)
            .collect();
        set_mtu(&name, mtu)?;
        Ok(Self { file, name })
    }
}

impl Tun for LinuxTun {
    fn name(&self) -> &[u8] {
        &self.name
    }

    fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    fn read(
        &mut self,
        arena: &mut Arena,
        longest: usize,
        packets: &mut Vec<Span>,
    ) -> io::Result<u64> {
        let mut too_long = 0;
        for (start, slot) in arena.slots_from(0) {
            // One byte more than the longest: the kernel cuts what does not fit without a word, so a full read is a
            // packet that was too long (someone raised the link's MTU).
            let space = slot.get_mut(HEADROOM..=HEADROOM + longest);
            match (&self.file).read(space.ok_or(io::ErrorKind::InvalidInput)?) {
                Ok(len) if len > longest => too_long += 1,
                Ok(len) => packets.push(Span {
                    start: start + HEADROOM,
                    len,
                }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(too_long)
    }

    fn write(&mut self, arena: &Arena, packets: &[Opened]) -> io::Result<u64> {
        let mut refused = 0;
        for packet in packets {
            match (&self.file).write(arena.get(packet.span)) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EBADFD) => return Err(error),
                // EIO: the link is down; EINVAL: not IP; ENOBUFS, EAGAIN: no room. One packet each, never the batch.
                Err(_) => refused += 1,
            }
        }
        Ok(refused)
    }
}

/// A request that names an interface and says nothing else.
fn interface_request(name: &[u8]) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain old data, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains(&0) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    for (place, &byte) in request.ifr_name.iter_mut().zip(name) {
        *place = byte as libc::c_char;
    }
    Ok(request)
}

fn set_mtu(name: &[u8], mtu: usize) -> io::Result<()> {
    let mut request = interface_request(name)?;
    request.ifr_ifru.ifru_mtu =
        libc::c_int::try_from(mtu).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: socket takes no pointers; the result is checked before use.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and nobody else holds it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU, &mut request)
}

fn ioctl(fd: RawFd, number: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: both requests we make read and write one ifreq, which lives through the call.
    if unsafe { libc::ioctl(fd, number as _, std::ptr::from_mut(request)) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_the_kernel_could_not_hold_is_refused_before_it_is_asked() {
        for name in [b"".as_slice(), b"sixteen-bytes-xx", b"zero\0inside"] {
            assert_eq!(
                interface_request(name).err().and_then(|e| e.raw_os_error()),
                Some(libc::EINVAL)
            );
        }
    }
}
