//! The domain proxy: what commands without a network of their own reach of ours, by name.
//!
//! It serves listening sockets that lie in the network of a sandbox cell, and speaks HTTP (`CONNECT`, and plain
//! requests for `http://` addresses) and SOCKS 5 on each, told apart by the first byte. A name is looked up once; each
//! of its addresses is judged, and an address that was judged is what is dialled, never the name again. It must never
//! look into what it carries, and must never trust that a client means well: a slow or greedy one slows nobody else.

mod activity;
pub(crate) mod address;
mod connect;
mod domains;
mod http;
mod refused;
mod resolver;
mod socks;
pub(crate) mod target;
#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::{sleep, timeout},
};

use activity::{Activity, Watched};

pub use domains::{DomainError, Domains};
pub use resolver::Resolver;

/// Most connections of a cell at a time. Each takes two descriptors of this process, whose limit is often 1,024; more
/// wait in the socket's own queue.
const MOST_CONNECTIONS: usize = 128;

/// How long a client may take to say what it wants.
const LONGEST_HEAD: Duration = Duration::from_secs(15);

/// How long nothing may move on a connection before it is closed.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// How long to wait before the next try when no connection can be accepted: most often, there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Lets commands reach what [`Domains`] name.
#[derive(Debug)]
pub struct Proxy {
    domains: Domains,
    resolver: Resolver,
}

/// The proxy of one cell.
#[derive(Debug)]
struct CellProxy {
    proxy: Arc<Proxy>,
    /// What was refused, for whoever asks.
    refused: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy that lets clients reach `domains`.
    pub fn new(domains: Domains, resolver: Resolver) -> Self {
        Self { domains, resolver }
    }

    /// Serves every socket that comes out of `listeners`, in a tokio runtime that drives I/O and time. What it refuses
    /// is put beside the socket, a sentence each, the first few. Ends when there are no more to come, and then, or when
    /// it is dropped, so do all connections.
    pub async fn serve(self, mut listeners: UnboundedReceiver<(std::net::TcpListener, Arc<Mutex<Vec<String>>>)>) {
        let proxy = Arc::new(self);
        let mut cells = JoinSet::new();
        while let Some((listener, refused)) = listeners.recv().await {
            cells.spawn(Arc::new(CellProxy { proxy: Arc::clone(&proxy), refused }).serve(listener));
        }
    }
}

impl CellProxy {
    async fn serve(self: Arc<Self>, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if clients.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, _)) => drop(clients.spawn(Arc::clone(&self).serve_client(stream))),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = clients.join_next() => {}
            }
        }
    }

    /// Errors end the connection; the client sees that, and nobody else needs to know.
    async fn serve_client(self: Arc<Self>, stream: TcpStream) -> io::Result<()> {
        // What passes through is written as it comes.
        stream.set_nodelay(true)?;
        let mut first = [0];
        let count = timeout(LONGEST_HEAD, stream.peek(&mut first)).await??;
        let activity = Activity::now();
        let stream = Watched::new(stream, activity.clone());
        let served = async {
            match first {
                _ if count == 0 => Ok(()),
                [socks::VERSION] => socks::serve(&self, stream).await,
                _ => http::serve(&self, stream).await,
            }
        };
        tokio::select! {
            outcome = served => outcome,
            () = activity.ceased(LONGEST_SILENCE) => Ok(()),
        }
    }
}
