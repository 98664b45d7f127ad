//! Plugins from a server of git's smart protocol, over TLS.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use super::{Said, git, repository};
use crate::support::Place;

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a server of git's is the test's own")]
fn a_plugin_comes_by_https_where_the_certificate_is_known() {
    let place = Place::new(json!([]));
    let source = repository(&place, "prose");
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let (certificate, key_file) = (place.beside("tls").join("own.pem"), place.beside("tls").join("key.pem"));
    fs::write(&certificate, own.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/plugins/https.py");
    let mut command = Command::new("python3");
    command.arg(script).args([source.parent().unwrap(), &certificate, &key_file]).stdout(Stdio::piped());
    let mut server = Server(command.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://localhost:{}/source/.git", port.trim());
    let add = |variables: &[(&str, &str)]| {
        let mut command = place.codex(&["plugin", "add", &url, "--yes"]);
        Said::of(&command.envs(variables.iter().copied()).output().unwrap())
    };
    add(&[]).refused(2, "certificate");
    assert!(place.plugins().is_empty());
    add(&[("SSL_CERT_FILE", certificate.to_str().unwrap())]).done();
    assert_eq!(place.plugins()[0]["commit"], git(&source, "rev-parse HEAD"));
    let plain = url.replace("https", "http");
    place.plugin(&["add", &plain, "--yes"]).refused(2, "`http://` is not taken");
}
