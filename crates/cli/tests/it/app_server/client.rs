//! A client of `codex app-server` as programs are: it writes lines and reads lines. Every line that it reads is held to the
//! shapes of the protocol, `tests/app_server/schema.json`.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use boon::{Compiler, Schemas};
use codex_testkit::WATCHDOG;
use serde_json::{Value, json};

use crate::support::Place;

const SCHEMA: &str = include_str!("../../app_server/schema.json");

/// The shapes of messages, from what is known of other servers of the protocol.
pub struct Shapes {
    schema: Value,
    compiler: Compiler,
    schemas: Schemas,
}

impl Shapes {
    pub fn new() -> Self {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let mut compiler = Compiler::new();
        compiler.add_resource("schema.json", schema.clone()).unwrap();
        Self { schema, compiler, schemas: Schemas::new() }
    }

    /// Holds `value` to what stands at `pointer`.
    fn hold(&mut self, pointer: &str, value: &Value) {
        let index = self.compiler.compile(&format!("schema.json#{pointer}"), &mut self.schemas).unwrap();
        let held = self.schemas.validate(value, index);
        held.unwrap_or_else(|error| panic!("{pointer}: {error:#}\n{value:#}"));
    }

    /// Holds a notification to its shape.
    pub fn notification(&mut self, message: &Value) {
        self.hold("/notifications", message);
    }

    /// Holds the result of `method` to its shape, where one is known.
    pub fn result(&mut self, method: &str, result: &Value) {
        if !self.schema["results"][method].is_null() {
            self.hold(&format!("/results/{}", method.replace('/', "~1")), result);
        }
    }
}

pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    shapes: Shapes,
    /// The methods of requests that were not answered yet, by id.
    asked: BTreeMap<String, String>,
    /// What was told while an answer was waited for.
    told: VecDeque<Value>,
    last_id: u64,
}

impl Client {
    /// A client that has introduced itself.
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::introduced(place.codex(&[arguments, &["app-server"]].concat()))
    }

    /// The same, of a server that is started by `command`.
    pub fn introduced(command: Command) -> Self {
        let mut client = Self::unknown(command);
        let info = json!({ "name": "a test", "title": null, "version": "1.0" });
        client.ask("initialize", json!({ "clientInfo": info, "capabilities": { "experimentalApi": true } })).unwrap();
        client.send(&json!({ "method": "initialized" }));
        client
    }

    /// A client that has not.
    pub fn unknown(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (send, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let (shapes, asked, told) = (Shapes::new(), BTreeMap::new(), VecDeque::new());
        Self { child, stdin, lines, shapes, asked, told, last_id: 0 }
    }

    pub fn child(&self) -> &Child {
        &self.child
    }

    pub fn write(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn send(&mut self, message: &Value) {
        if let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) {
            self.asked.insert(id.to_string(), method.to_owned());
        }
        self.write(&message.to_string());
    }

    /// The next message.
    pub fn message(&mut self) -> Value {
        let line = self.lines.recv_timeout(WATCHDOG).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(message.get("jsonrpc").is_none(), "{line}");
        match (message.get("method"), message.get("id")) {
            (Some(_), None) => {
                assert!(message["emittedAtMs"].is_u64(), "{line}");
                self.shapes.notification(&message);
            }
            (None, Some(id)) => {
                let method = self.asked.remove(&id.to_string());
                match (method, message.get("result")) {
                    (Some(method), Some(result)) => self.shapes.result(&method, result),
                    (_, None) => assert!(message["error"]["message"].is_string(), "{line}"),
                    // To what was written as it stands.
                    (None, Some(_)) => {}
                }
            }
            (Some(_), Some(_)) => assert!(message["params"].is_object(), "{line}"),
            (None, None) => panic!("neither fish nor fowl: {line}"),
        }
        message
    }

    /// The answer to a request; what is told before it is kept for [`Client::next`].
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last_id += 1;
        let id = json!(self.last_id);
        self.send(&json!({ "id": id, "method": method, "params": params }));
        loop {
            let mut message = self.message();
            if message.get("method").is_some() || message["id"] != id {
                self.told.push_back(message);
                continue;
            }
            return match message.get_mut("result") {
                Some(result) => Ok(result.take()),
                None => Err(message["error"].take()),
            };
        }
    }

    /// What is told next, the server's questions among it.
    pub fn next(&mut self) -> Value {
        self.told.pop_front().unwrap_or_else(|| self.message())
    }

    /// The next message of `method`; those before it are passed over.
    pub fn until(&mut self, method: &str) -> Value {
        self.up_to(method).pop().unwrap()
    }

    /// All that is told up to the next message of `method`.
    pub fn up_to(&mut self, method: &str) -> Vec<Value> {
        let mut told = vec![self.next()];
        while told.last().unwrap()["method"] != method {
            told.push(self.next());
        }
        told
    }

    /// All that is told until the turn has ended.
    pub fn turn(&mut self) -> Vec<Value> {
        self.up_to("turn/completed")
    }

    /// Starts a thread in the place's workspace, and returns its id.
    pub fn thread(&mut self, params: Value) -> String {
        let opened = self.ask("thread/start", params).unwrap();
        opened["thread"]["id"].as_str().unwrap().to_owned()
    }

    /// Says something in a thread, and returns the turn's id.
    pub fn say(&mut self, thread: &str, text: &str) -> String {
        let input = json!([{ "type": "text", "text": text, "text_elements": [] }]);
        let started = self.ask("turn/start", json!({ "threadId": thread, "input": input })).unwrap();
        started["turn"]["id"].as_str().unwrap().to_owned()
    }

    /// Says no more, and waits for the end.
    pub fn end(mut self) -> Output {
        drop(self.stdin.take());
        self.child.wait_with_output().unwrap()
    }
}

/// The methods of messages, or the word `answer`.
pub fn methods(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["method"].as_str().unwrap_or("answer")).collect()
}
