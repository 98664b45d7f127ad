//! The sessions' client: requests out, answers and notifications in, one JSON object a line.

use std::{error::Error, os::fd::OwnedFd};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::unix::pipe::{Receiver, Sender},
};

/// A message of the server, as far as anybody here looks into it.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Option<u64>,
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) params: Value,
    #[serde(default)]
    pub(crate) result: Value,
    pub(crate) error: Option<Value>,
}

/// A connection over pipes.
#[derive(Debug)]
pub(crate) struct Client {
    input: Sender,
    output: Lines<BufReader<Receiver>>,
    last_id: u64,
}

impl Client {
    /// Speaks over these ends.
    pub(crate) fn new(input: OwnedFd, output: OwnedFd) -> std::io::Result<Self> {
        let output = BufReader::new(Receiver::from_owned_fd(output)?).lines();
        Ok(Self { input: Sender::from_owned_fd(input)?, output, last_id: 0 })
    }

    /// Sends a request; its id.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Result<u64, Box<dyn Error>> {
        self.last_id += 1;
        self.send(&json!({ "id": self.last_id, "method": method, "params": params })).await?;
        Ok(self.last_id)
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &Value) -> Result<(), Box<dyn Error>> {
        Ok(self.input.write_all(format!("{message}\n").as_bytes()).await?)
    }

    /// The next message. An error's is one.
    pub(crate) async fn hear(&mut self) -> Result<Message, Box<dyn Error>> {
        let line = self.output.next_line().await?.ok_or("the server has ended")?;
        let message: Message = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        match message.error {
            Some(error) => Err(format!("the server refused: {error}").into()),
            None => Ok(message),
        }
    }

    /// Hears until request `id` is answered; the answer.
    pub(crate) async fn answer(&mut self, id: u64) -> Result<Value, Box<dyn Error>> {
        loop {
            let message = self.hear().await?;
            if message.method.is_none() && message.id == Some(id) {
                return Ok(message.result);
            }
        }
    }
}
