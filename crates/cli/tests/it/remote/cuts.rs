//! Connections that are cut, at every place where one can be.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::json;

use super::{Served, stderr};
use crate::{approvals::run, support::Place};

/// The side whose messages are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Server,
    Client,
}

/// Something on the way that cuts the first connection after some messages of one side, and then lets everything pass.
struct Cutter {
    url: String,
    /// Connections that came.
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    fn start(to: &str, side: Side, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (to, counted) = (to.to_owned(), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(client), Ok(server)) = (stream, TcpStream::connect(&to)) else { return };
                let cuts = counted.fetch_add(1, Ordering::SeqCst) == 0;
                let most = |of: Side| if cuts && of == side { after } else { usize::MAX };
                let (theirs, ours) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (up, down) = (most(Side::Client), most(Side::Server));
                thread::spawn(move || pass(theirs, ours, up));
                thread::spawn(move || pass(server, client, down));
            }
        });
        Self { url, connections }
    }
}

/// Passes on the head of a message of HTTP and so many frames, and then nothing in either direction.
fn pass(mut from: TcpStream, mut to: TcpStream, frames: usize) {
    let mut passing = || -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            from.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        to.write_all(&head)?;
        let mut texts = 0;
        while texts < frames {
            let frame = frame(&mut from)?;
            to.write_all(&frame)?;
            // Confirmations come when they come.
            texts += usize::from(frame[0] & 0x0f == 1);
        }
        Ok(())
    };
    let _ = passing();
    for stream in [&from, &to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// One frame of a WebSocket, as it is (RFC 6455, section 5.2).
fn frame(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 2];
    from.read_exact(&mut frame)?;
    let extended = match frame[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut more = |count: usize, frame: &mut Vec<u8>| -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes)?;
        frame.extend_from_slice(&bytes);
        Ok(bytes)
    };
    let length = match extended {
        0 => usize::from(frame[1] & 0x7f),
        _ => more(extended, &mut frame)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    let mask = if frame[1] & 0x80 == 0 { 0 } else { 4 };
    more(mask + length, &mut frame)?;
    Ok(frame)
}

#[test]
fn a_run_that_is_cut_between_any_two_messages_ends_as_if_it_was_not() {
    for side in [Side::Server, Side::Client] {
        // Before the first message of the client there is no session yet.
        for after in usize::from(side == Side::Client).. {
            let place = Place::new(json!([run("echo once >> made"), { "text": "all done" }]));
            let served = Served::start(&place, &[]);
            let cutter = Cutter::start(served.address(), side, after);
            // The server does not prove what it knows to whoever is reached by a way round.
            let way = ["--remote", &cutter.url, "--remote-token-file", "../home/serve/token"];
            let output = place.codex(&[&way, &["exec", "--json", "go"][..]].concat()).output().unwrap();
            let said = format!("cut after {after} of {side:?}: {}", stderr(&output));
            assert_eq!(output.status.code(), Some(0), "{said}");
            let events = crate::support::events(&output.stdout);
            let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
            let ends = types.iter().filter(|kind| **kind == "turn.completed").count();
            assert_eq!((ends, types.last()), (1, Some(&"turn.completed")), "{said}: {types:?}");
            assert_eq!(
                events.iter().filter(|event| event["item"]["text"] == "all done").count(),
                1,
                "{said}: {events:?}"
            );
            assert_eq!(std::fs::read_to_string(place.workspace.join("made")).unwrap(), "once\n", "{said}");
            assert_eq!(place.server.requests().len(), 2, "{said}");
            if cutter.connections.load(Ordering::SeqCst) == 1 {
                assert!(after > 4, "it was cut at some places: {said}");
                break;
            }
        }
    }
}
