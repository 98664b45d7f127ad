//! Datagrams with descriptors over a `SOCK_SEQPACKET` pair, for both ends. Blocking or not is the socket's own matter.
//!
//! It must never leave a descriptor that could leak into a command: everything made here is close-on-exec.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Seek, Write},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
    },
};

/// Most descriptors one request carries: payload, private socket, output, error, input.
const MOST_DESCRIPTORS: usize = 5;

/// Longest datagram on a private socket, in bytes: a failure with two long paths (`PATH_MAX` is 4,096).
const LONGEST_REPLY: usize = 16 << 10;

/// The datagram of a request, whose parts are its descriptors.
pub(crate) const REQUEST: &[u8] = b"R";

/// The datagram that says that no request will follow.
pub(crate) const LAST: &[u8] = b"L";

/// Two connected ends that keep the borders of messages.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one datagram. `EPIPE` means that the other end is gone; no `SIGPIPE` is raised.
pub(crate) fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd]) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::TOOBIG);
    }
    let parts = [IoSlice::new(message)];
    rustix::io::retry_on_intr(|| sendmsg(&socket, &parts, &mut control, SendFlags::NOSIGNAL)).map(drop)
}

/// Receives one datagram and what came with it; `None` when the other end is closed.
pub(crate) fn receive(socket: impl AsFd) -> rustix::io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    // Room for the longest, each time, would be pages that a fork has to copy.
    let look = RecvFlags::PEEK | RecvFlags::TRUNC;
    let (_, length) = rustix::io::retry_on_intr(|| recv(&socket, &mut [0; 0], look))?;
    let mut message = vec![0; length.min(LONGEST_REPLY)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(&mut message)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = part {
            descriptors.extend(some);
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Errno::MSGSIZE);
    }
    message.truncate(received.bytes);
    Ok(Some((message, descriptors)))
}

/// Puts a payload of any size into anonymous memory that can no longer change. Arguments and environment may be
/// larger than a datagram.
pub(crate) fn seal(payload: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("request", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(payload)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file.into())
}

/// Reads back what [`seal`] wrote.
pub(crate) fn unseal(memory: OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(memory);
    file.rewind()?;
    let mut payload = Vec::new();
    file.read_to_end(&mut payload)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_payload_comes_back_through_the_socket() {
        let payload = vec![42; 3 << 20];
        let (here, there) = pair().unwrap();
        let memory = seal(&payload).unwrap();
        send(&here, b"x", &[memory.as_fd(), here.as_fd()]).unwrap();
        let (message, mut descriptors) = receive(&there).unwrap().unwrap();
        assert_eq!((message.as_slice(), descriptors.len()), (&b"x"[..], 2));
        assert_eq!(unseal(descriptors.swap_remove(0)).unwrap(), payload);
        assert!(File::from(memory).write_all(b"more").is_err(), "sealed memory was written");
    }

    #[test]
    fn a_closed_end_is_seen() {
        let (here, there) = pair().unwrap();
        drop(there);
        assert!(receive(&here).unwrap().is_none());
        assert_eq!(send(&here, b"x", &[]), Err(Errno::PIPE));
    }
}
