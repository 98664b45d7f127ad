//! The server's side of SOCKS 5 (RFC 1928): `CONNECT` without authentication, and nothing else.
//!
//! Names are preferred, since commands have no name server; an address is a target like any other.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{CellProxy, LONGEST_HEAD, connect::NoConnection, http::carry, refused, target::Target};

/// The first byte of everything that is said.
pub(super) const VERSION: u8 = 5;

const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What a client is answered (RFC 1928, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Succeeded = 0,
    NotAllowed = 2,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    CommandNotSupported = 7,
    AddressNotSupported = 8,
}

/// Serves one client to the end.
pub(super) async fn serve<S>(proxy: &CellProxy, mut client: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connected = match timeout(LONGEST_HEAD, read_request(&mut client)).await?? {
        Ok(wanted) => connect(proxy, wanted).await,
        Err(reply) => Err(reply),
    };
    let reply = connected.as_ref().err().copied().unwrap_or(Reply::Succeeded);
    // The address that the proxy dialled from is nobody's business.
    client.write_all(&[VERSION, reply as u8, 0, IPV4, 0, 0, 0, 0, 0, 0]).await?;
    match connected {
        Ok(upstream) => carry(client, upstream).await,
        Err(_) => client.shutdown().await,
    }
}

/// A host as it was written, and a port.
type Wanted = (Vec<u8>, u16);

/// Reads greeting and request. The inner error is for the client; the outer one means that there is nobody to tell.
async fn read_request<S>(client: &mut S) -> io::Result<Result<Wanted, Reply>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    expect_version(client.read_u8().await?)?;
    let mut methods = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        client.write_all(&[VERSION, NO_METHOD]).await?;
        return Err(io::ErrorKind::Unsupported.into());
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    expect_version(version)?;
    let host = match kind {
        IPV4 => Ipv4Addr::from_bits(client.read_u32().await?).to_string().into_bytes(),
        IPV6 => format!("[{}]", Ipv6Addr::from_bits(client.read_u128().await?)).into_bytes(),
        NAME => {
            let mut name = vec![0; client.read_u8().await?.into()];
            client.read_exact(&mut name).await?;
            name
        }
        _ => return Ok(Err(Reply::AddressNotSupported)),
    };
    let port = client.read_u16().await?;
    Ok(if command == CONNECT { Ok((host, port)) } else { Err(Reply::CommandNotSupported) })
}

fn expect_version(byte: u8) -> io::Result<()> {
    if byte == VERSION { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

async fn connect(proxy: &CellProxy, (host, port): Wanted) -> Result<tokio::net::TcpStream, Reply> {
    let target = str::from_utf8(&host).map_err(|_| "it is not UTF-8").and_then(|host| Target::new(host, port));
    let target = target.map_err(|what| {
        proxy.refuse(refused::no_host(&host, what));
        Reply::NotAllowed
    })?;
    proxy.connect(&target).await.map_err(|error| match error {
        NoConnection::Refused(_) => Reply::NotAllowed,
        NoConnection::Failed { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => {
            Reply::ConnectionRefused
        }
        NoConnection::Failed { .. } => Reply::HostUnreachable,
    })
}
