//! Standard input as it arrives. It must never make anybody wait for it who does not ask for the next piece.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    os::fd::OwnedFd,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{FileType, fstat, makedev},
};
use tokio::sync::mpsc;

/// Whether standard input is `/dev/null` (null(4)): there is nothing to come.
pub fn is_null() -> bool {
    let found = fstat(rustix::stdio::stdin()).ok();
    found.is_some_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == makedev(1, 3)
    })
}

/// The pieces that come in on `stdin`, up to 64 KiB each, until its end or an error.
///
/// Read on a thread of its own: nothing interrupts a read, and a pipe may never end. It dies with the process.
///
/// # Errors
/// When there can be no more threads.
pub fn pieces(stdin: OwnedFd) -> io::Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
    let (send, pieces) = mpsc::channel(4);
    let mut stdin = File::from(stdin);
    let read = move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let piece = match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => Ok(buffer[..count].to_vec()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Who started us may have left the pipe so that a read does not wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
                    continue;
                }
                Err(error) => Err(error),
            };
            let broken = piece.is_err();
            if send.blocking_send(piece).is_err() || broken {
                break;
            }
        }
    };
    std::thread::Builder::new().name("stdin".into()).spawn(read)?;
    Ok(pieces)
}
