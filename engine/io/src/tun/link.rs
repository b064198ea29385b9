//! What we ask of a network interface by ioctl: making it a TUN, its MTU, its offloads (netdevice(7), tuntap.rst).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// `TUN_F_*` of linux/if_tun.h: what we take undone.
pub const TAKES_CHECKSUM: libc::c_ulong = 0x01;
/// TCP over both, with congestion echoes.
pub const TAKES_TCP: libc::c_ulong = 0x02 | 0x04 | 0x08;
/// UDP over both.
pub const TAKES_UDP: libc::c_ulong = 0x20 | 0x40;

/// `IFF_TUN_EXCL` of linux/if_tun.h (since Linux 3.8): only if nobody has a TUN of this name, even one of many queues.
pub const ALONE: libc::c_int = 0x8000;

/// A request that names an interface and says nothing else; EINVAL for a name that the kernel could not hold.
pub fn request(name: &[u8]) -> io::Result<libc::ifreq> {
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

/// Makes the descriptor of the clone device a TUN with these flags; its name.
pub fn attach(fd: RawFd, pattern: &[u8], flags: libc::c_int) -> io::Result<Vec<u8>> {
    let mut request = request(pattern)?;
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI | flags) as libc::c_short;
    ioctl(fd, libc::TUNSETIFF, &mut request)?;
    let name = request.ifr_name.iter().map(|&c| c as u8);
    Ok(name.take_while(|&c| c != 0).collect())
}

/// Says which work of a network card we do ourselves.
pub fn set_offloads(fd: RawFd, takes: libc::c_ulong) -> io::Result<()> {
    // SAFETY: this request takes a number, no pointer.
    if unsafe { libc::ioctl(fd, libc::TUNSETOFFLOAD as _, takes) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sets the MTU, in bytes.
pub fn set_mtu(name: &[u8], mtu: usize) -> io::Result<()> {
    let mut request = request(name)?;
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
                request(name).err().and_then(|e| e.raw_os_error()),
                Some(libc::EINVAL)
            );
        }
    }
}
