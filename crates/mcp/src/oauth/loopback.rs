//! The end of a login on this machine: a port that a browser is led back to, for one login, and closed after it.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{Back, Login};

/// Path that is led back to.
const PATH: &str = "/callback";
/// Longest head of a request.
const MOST: usize = 32 << 10;
/// How long a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most connections at once: browsers open some ahead of need.
const CONNECTIONS: usize = 32;

/// A port of this machine alone.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    path: String,
}

impl Loopback {
    /// Listens. `port`: this one; `path`: what is led back to, if it is not the usual one.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(port: Option<u16>, path: Option<&str>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        Ok(Self { listener, path: path.unwrap_or(PATH).to_owned() })
    }

    /// The address that a browser is led back to.
    ///
    /// # Errors
    /// The system does not say which port it is.
    pub fn redirect(&self) -> io::Result<String> {
        Ok(format!("http://127.0.0.1:{}{}", self.listener.local_addr()?.port(), self.path))
    }

    /// Waits for the answer to `login`. Whatever else comes is sent away.
    ///
    /// # Errors
    /// The port is gone.
    pub async fn answer(&self, login: &Login) -> io::Result<Back> {
        let (found, mut answers) = mpsc::channel::<(TcpStream, Result<Back, u16>)>(CONNECTIONS);
        let mut readers = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if readers.len() < CONNECTIONS => {
                    let (mut stream, _) = accepted?;
                    let (found, path) = (found.clone(), self.path.clone());
                    readers.spawn(async move {
                        let back = tokio::time::timeout(PATIENCE, wanted(&mut stream, &path)).await;
                        if let Ok(Ok(back)) = back {
                            let _ = found.send((stream, back)).await;
                        }
                    });
                }
                Some(_) = readers.join_next() => {}
                Some((mut stream, back)) = answers.recv() => {
                    let (status, text) = match &back {
                        Ok(back) if login.is_answered_by(back) => ("200 OK", "codex has your answer. You may close this page."),
                        Ok(_) | Err(400) => ("400 Bad Request", "This is no answer to the login that waits here."),
                        Err(_) => ("404 Not Found", "There is nothing here."),
                    };
                    let _ = tokio::time::timeout(PATIENCE, tell(&mut stream, status, text)).await;
                    match back {
                        Ok(back) if login.is_answered_by(&back) => return Ok(back),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// What a request wants; the status to refuse it with if that is nothing of ours.
async fn wanted(stream: &mut TcpStream, path: &str) -> io::Result<Result<Back, u16>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await?;
        if read == 0 || head.len() + read > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..read]);
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else { return Ok(Err(400)) };
    let (asked, query) = target.split_once('?').unwrap_or((target, ""));
    if asked != path {
        return Ok(Err(404));
    }
    Ok(Back::of_query(query).map_err(|_| 400))
}

async fn tell(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let page = format!("<!doctype html><meta charset=utf-8><title>codex</title><p>{text}");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(page.as_bytes()).await?;
    stream.shutdown().await
}
