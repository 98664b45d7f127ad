//! A local server that sends bytes as they are, for what no proper HTTP server would say: half a head, a wrong chunk, a
//! reset.
//!
//! One request for each connection. It binds to the loopback address only and never looks at what it is asked.
#![allow(clippy::expect_used, reason = "a test server that cannot start is a failed test")]

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

/// What one request is answered with.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Sent first.
    pub bytes: Vec<u8>,
    /// What happens then.
    pub ending: RawEnding,
}

/// How a connection goes on after its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawEnding {
    /// It is closed as it should be (FIN).
    Close,
    /// It breaks (RST).
    Reset,
    /// It stays open, and nothing more comes until the client goes away.
    Hang,
}

impl RawAnswer {
    /// These bytes, and then `ending`.
    pub fn new(bytes: impl Into<Vec<u8>>, ending: RawEnding) -> Self {
        Self { bytes: bytes.into(), ending }
    }

    /// A proper answer of type `text/event-stream` whose body is `body`.
    pub fn events(body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n");
        Self::new(head + body, RawEnding::Close)
    }
}

/// A running server.
#[derive(Debug)]
pub struct RawServer {
    address: SocketAddr,
    answered: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RawServer {
    /// Starts a server that answers request number `n`, from 0, with `answer(n)`, which is called when the request has
    /// been read. When this returns, it accepts connections.
    ///
    /// # Panics
    ///
    /// If no local port can be had.
    pub fn start(answer: impl FnMut(usize) -> RawAnswer + Send + 'static) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), usize::MAX, answer)
    }

    /// As [`RawServer::start`], at this address, whose port may be 0. Just before it answers the last of `most` requests,
    /// nobody listens there any more.
    ///
    /// # Panics
    ///
    /// If the address cannot be had.
    pub fn at(address: SocketAddr, most: usize, mut answer: impl FnMut(usize) -> RawAnswer + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a local address");
        let address = listener.local_addr().expect("the port's number");
        let (answered, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&answered), Arc::clone(&stopping));
        let thread = thread::spawn(move || {
            let mut listener = Some(listener);
            while let Some(open) = &listener {
                let connection = open.accept();
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away in the middle of its request was not answered.
                let Ok((mut connection, _)) = connection else { continue };
                if read_request(&mut connection).is_ok() {
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    listener.take_if(|_| number + 1 == most);
                    let RawAnswer { bytes, ending } = answer(number);
                    let _ = connection.write_all(&bytes);
                    end(connection, ending);
                }
            }
        });
        Self { address, answered, stopping, thread: Some(thread) }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API's root, to be configured as the provider's base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many requests have been answered.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread; if that cannot be, it is not waited for.
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Reads a request to the end of its body.
fn read_request(connection: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = connection.take(length.unwrap_or(0));
    io::copy(&mut body, &mut io::sink()).map(drop)
}

fn end(mut connection: TcpStream, ending: RawEnding) {
    match ending {
        RawEnding::Close => {
            let _ = connection.shutdown(Shutdown::Both);
        }
        RawEnding::Reset => {
            let _ = set_socket_linger(&connection, Some(Duration::ZERO));
        }
        RawEnding::Hang => {
            // Ends with the client.
            thread::spawn(move || io::copy(&mut connection, &mut io::sink()));
        }
    }
}
