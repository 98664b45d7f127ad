//! From a target to a connection: is it named, where does it lead, may that be reached, dial.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};
use url::Host;

use super::{CellProxy, address, refused, target::Target};

/// How long a name server may take.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(15);

/// How long one address may take to answer.
const LONGEST_DIAL: Duration = Duration::from_secs(10);

/// Most addresses of a name that are tried.
const MOST_DIALLED: usize = 4;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    /// It may not be reached: a sentence that says why.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached.
    #[error("{target} cannot be reached: {source}")]
    Failed { target: Target, source: io::Error },
}

impl CellProxy {
    /// A connection to `target`, if it may be reached. What is refused is also kept.
    pub(super) async fn connect(&self, target: &Target) -> Result<TcpStream, NoConnection> {
        if !self.proxy.domains.name(target) {
            return Err(self.refuse(refused::not_listed(target)));
        }
        let failed = |source| NoConnection::Failed { target: target.clone(), source };
        let addresses = self.addresses(target).await.map_err(failed)?;
        for address in &addresses {
            self.judge(target, *address)?;
        }
        dial(&addresses, target.port).await.map_err(failed)
    }

    /// Keeps a refusal.
    pub(super) fn refuse(&self, sentence: String) -> NoConnection {
        refused::keep(&self.refused, &sentence);
        NoConnection::Refused(sentence)
    }

    async fn addresses(&self, target: &Target) -> io::Result<Vec<IpAddr>> {
        match &target.host {
            Host::Domain(name) => timeout(LONGEST_LOOK_UP, self.proxy.resolver.look_up(name)).await?,
            Host::Ipv4(address) => Ok(vec![(*address).into()]),
            Host::Ipv6(address) => Ok(vec![(*address).into()]),
        }
    }

    /// One address that is not public spoils a name: who answers so has an aim.
    fn judge(&self, target: &Target, address: IpAddr) -> Result<(), NoConnection> {
        match address::objection(address) {
            Some(what) if !self.proxy.domains.name_address(address, target.port) => {
                Err(self.refuse(refused::not_public(target, &(address, target.port).into(), what)))
            }
            _ => Ok(()),
        }
    }
}

async fn dial(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in addresses.iter().take(MOST_DIALLED) {
        let dialled = timeout(LONGEST_DIAL, TcpStream::connect(SocketAddr::from((*address, port)))).await;
        outcome = dialled.unwrap_or_else(|late| Err(late.into()));
        if let Ok(stream) = &outcome {
            stream.set_nodelay(true)?;
            break;
        }
    }
    outcome
}
