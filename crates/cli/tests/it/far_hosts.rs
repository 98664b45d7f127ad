//! The whole program among far hosts: a network of the test's own, in which 198.51.100.x are its servers, and a file of hosts in
//! which their names are.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Output,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::{
    proxy::apart::apart_where,
    search::{fetch, results},
    support::Place,
};

/// What the resolver of this network knows. What is not here, nobody knows: no name server can be reached.
const NAMES: &str = "198.51.100.1 engine.example\n198.51.100.2 docs.example\n198.51.100.3 other.example\n\
    10.9.9.9 inner.example\n127.0.0.1 home.example\n";

/// What servers were asked for, with the address that they were asked at.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    /// Serves these answers, by what stands after the method, at port 80 of 198.51.100.`host`; a redirect begins with `http:`.
    fn serve(&self, host: u8, pages: &[(&str, &str)]) {
        let listener = TcpListener::bind((Ipv4Addr::new(198, 51, 100, host), 80)).unwrap();
        let own = |(path, page): &(&str, &str)| ((*path).to_owned(), (*page).to_owned());
        let (pages, asked): (BTreeMap<String, String>, _) = (pages.iter().map(own).collect(), self.clone());
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| asked.answer(host, stream, &pages)));
    }

    fn answer(&self, host: u8, stream: TcpStream, pages: &BTreeMap<String, String>) {
        let mut reader = BufReader::new(stream);
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(what) = head.first().and_then(|line| line.split(' ').nth(1)) else { return };
        self.0.lock().unwrap().push(format!("{host} {what}"));
        let page = pages.get(what.split('?').next().unwrap_or_default()).map_or("", String::as_str);
        let (status, kind, to) = match page.chars().next() {
            Some('h') => ("302 Found", "text/plain", format!("Location: {page}\r\n")),
            Some('{') => ("200 OK", "application/json", String::new()),
            _ => ("200 OK", "text/plain", String::new()),
        };
        let length = page.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{to}Content-Length: {length}\r\n");
        let _ = reader.into_inner().write_all(format!("{head}Connection: close\r\n\r\n{page}").as_bytes());
    }

    fn all(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Does `work` where the far hosts are.
fn far(test: &str, work: impl FnOnce()) {
    let hosts = tempfile::NamedTempFile::new().unwrap();
    fs::write(hosts.path(), NAMES).unwrap();
    let surroundings = format!("mount --bind {} /etc/hosts", hosts.path().display());
    apart_where(&surroundings, test, async { work() });
}

/// A place whose model asks for these addresses, which the user has named, and then ends.
fn place(addresses: &[&str]) -> Place {
    let script: Vec<Value> =
        addresses.iter().map(|address| fetch(address)).chain([json!({ "text": "done" })]).collect();
    let place = Place::new(script.into());
    let file = place.home.join("config.toml");
    let search = "[search]\nprovider = \"searxng\"\nbase_url = \"http://engine.example/\"\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + search).unwrap();
    place
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn pages_of_far_hosts_are_read_and_none_leads_home() {
    not_inside_another_sandbox!();
    far("far_hosts::pages_of_far_hosts_are_read_and_none_leads_home", || {
        let asked = Asked::default();
        asked
            .serve(1, &[("/search", r#"{"results":[{"title":"T","url":"http://docs.example/found","content":"c"}]}"#)]);
        asked.serve(
            2,
            &[
                ("/found", "Found it."),
                ("/home", "http://127.0.0.1/secret"),
                ("/inner", "http://inner.example/secret"),
                ("/moved", "http://docs.example/found"),
                ("/other", "http://other.example/x"),
            ],
        );
        asked.serve(3, &[("/x", "Elsewhere.")]);
        let addresses = [
            "http://docs.example/moved",
            "http://docs.example/home",
            "http://docs.example/inner",
            "http://docs.example/other",
            "http://inner.example/",
            "http://home.example/",
            "http://nobody.example/",
        ];
        let place = place(&addresses);
        let ran = place.codex(&["exec", "--search", &addresses.join(" ")]).output().unwrap();
        assert!(ran.status.success(), "{}", words(&ran));
        let told = results(&place);
        for (at, part) in [
            (0, "Found it."),
            (1, "127.0.0.1"),
            // What a redirect names is looked up when it is asked for.
            (2, "http://inner.example/secret"),
            (3, "http://other.example/x"),
            (4, "inner.example leads to 10.9.9.9"),
            (5, "home.example leads to 127.0.0.1"),
            (6, "nobody.example cannot be looked up"),
        ] {
            assert!(told[at].contains(part) && !told[at].contains("Elsewhere."), "{at}: {}", told[at]);
        }
        let expected = ["2 /moved", "2 /found", "2 /home", "2 /inner", "2 /other"];
        assert_eq!(asked.all(), expected);

        // The search engine is asked by its name, and what it names may be read.
        let script = json!([{ "tool": "web_search", "arguments": { "query": "q" } }, fetch("http://docs.example/found"), { "text": "done" }]);
        let searching = self::place(&[]);
        let other = Place::new(script);
        let url = other.server.base_url();
        let file = searching.home.join("config.toml");
        let text = fs::read_to_string(&file).unwrap().replace(&searching.server.base_url(), &url);
        fs::write(other.home.join("config.toml"), text).unwrap();
        let ran = other.codex(&["exec", "--search", "go"]).output().unwrap();
        assert!(ran.status.success() && results(&other)[1].contains("Found it."), "{}", words(&ran));
        let seen = asked.all();
        assert!(seen.len() == 2 && seen[0].starts_with("1 /search?q=q&") && seen[1] == "2 /found", "{seen:?}");
    });
}

/// With `oss` nothing leaves for an engine that the user has not called open.
#[test]
fn with_oss_no_far_engine_is_asked() {
    not_inside_another_sandbox!();
    far("far_hosts::with_oss_no_far_engine_is_asked", || {
        let asked = Asked::default();
        asked.serve(1, &[("/search", r#"{"results":[]}"#)]);
        let place = place(&[]);
        let ran = place.codex(&["exec", "--oss", "--search", "-c", "model_providers.mock.open_weights=true", "go"]);
        let ran = { ran }.output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{}", words(&ran));
        assert!(words(&ran).contains("`search.open = true`"), "{}", words(&ran));
        assert_eq!(asked.all(), Vec::<String>::new());
    });
}

/// A name that only the proxy knows is read through it; one that is known here to be private is not.
#[test]
fn pages_are_read_through_a_far_proxy() {
    not_inside_another_sandbox!();
    far("far_hosts::pages_are_read_through_a_far_proxy", || {
        let asked = Asked::default();
        asked.serve(3, &[("http://nobody.example/a", "Known there."), ("http://docs.example/a", "Through it.")]);
        let addresses = ["http://nobody.example/a", "http://docs.example/a", "http://inner.example/", "http://wiki/"];
        let place = place(&addresses);
        let mut command = place.codex(&["exec", "--search", &addresses.join(" ")]);
        let ran = command.env("HTTP_PROXY", "http://other.example:80").output().unwrap();
        assert!(ran.status.success(), "{}", words(&ran));
        let told = results(&place);
        for (at, part) in
            [(0, "Known there."), (1, "Through it."), (2, "leads to 10.9.9.9"), (3, "cannot be looked up")]
        {
            assert!(told[at].contains(part), "{at}: {}", told[at]);
        }
        assert_eq!(asked.all(), ["3 http://nobody.example/a", "3 http://docs.example/a"]);
    });
}

/// What a page links to is left to a proxy only if somebody's word stands for its host: here nobody can judge where it leads.
#[test]
fn links_that_only_the_proxy_can_look_up_are_refused() {
    not_inside_another_sandbox!();
    far("far_hosts::links_that_only_the_proxy_can_look_up_are_refused", || {
        let start = "http://docs.example/start";
        let links =
            ["http://169.254.169.254.nip.io/latest", "http://vault.prod/v1/x", "http://kubernetes.default.svc/api"];
        let page = format!("See {}", links.join(" and "));
        let asked = Asked::default();
        let secrets = links.map(|link| (link, "Secret."));
        asked.serve(3, &[&[(start, page.as_str())], &secrets[..]].concat());
        let run = |settings: &[&str]| {
            let place = place(&[&[start], &links[..]].concat());
            let arguments = [&["exec", "--search"], settings, &["Read http://docs.example/start"]].concat();
            let ran = place.codex(&arguments).env("HTTP_PROXY", "http://other.example:80").output().unwrap();
            assert!(ran.status.success(), "{}", words(&ran));
            results(&place)
        };
        let told = run(&[]);
        assert!(told[0].contains("See "), "{}", told[0]);
        for (link, told) in links.iter().zip(&told[1..]) {
            assert!(told.contains("cannot be looked up:") && !told.contains("Secret."), "{link}: {told}");
        }
        assert!(told[2].contains("`search.allow_domains`"), "{}", told[2]);
        assert_eq!(asked.all(), ["3 http://docs.example/start"]);

        // The settings' word stands for a host, but not for one that looks like a private one.
        let told = run(&["-c", r#"search.allow_domains=["docs.example", "vault.prod", "nip.io", "svc"]"#]);
        for (told, part) in told[1..].iter().zip(["`search.private_hosts`", "Secret.", "`search.private_hosts`"]) {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(asked.all(), ["3 http://docs.example/start", "3 http://vault.prod/v1/x"]);
    });
}

/// Commands reach far hosts that the settings name, and no private one though its name is allowed.
#[test]
fn commands_reach_the_far_domains_that_are_allowed() {
    not_inside_another_sandbox!();
    far("far_hosts::commands_reach_the_far_domains_that_are_allowed", || {
        let asked = Asked::default();
        asked.serve(2, &[("/", "Far away."), ("/home", "http://home.example/")]);
        asked.serve(3, &[("/", "Not allowed.")]);
        let place = Place::new(json!([]));
        let allowed = "sandbox.allow_domains=[\"docs.example\", \"home.example\"]";
        for (address, expected) in [
            ("http://docs.example/", "Far away."),
            ("http://other.example/", "other.example:80 is not among the allowed domains"),
            ("http://home.example/", "the proxy refused: home.example:80"),
            ("http://198.51.100.2/", "198.51.100.2:80 is not among the allowed domains"),
        ] {
            let ran = place.codex(&["sandbox", "-c", allowed, "--", "curl", "-sS", address]).output().unwrap();
            assert!(words(&ran).contains(expected), "{address}: {}", words(&ran));
        }
        assert_eq!(asked.all(), ["2 /"]);
    });
}
