//! What only some files may say: the invariants of the architecture, as words that must not stand in product code.

use super::{Finding, Source, all, code, finds, has_word, hold};

/// A word that stands where it is allowed and nowhere else.
struct Reserved {
    words: &'static [&'static str],
    /// Beginnings of the paths that it is looked for in.
    within: &'static [&'static str],
    /// Beginnings of the paths that may say it.
    except: &'static [&'static str],
    why: &'static str,
}

const EVERYWHERE: &[&str] = &["crates/"];

const RESERVED: &[Reserved] = &[
    Reserved {
        words: &[
            "codex_agent",
            "codex_config",
            "codex_history",
            "codex_model",
            "codex_permissions",
            "codex_sandbox",
            "codex_server",
            "codex_store",
            "codex_tools",
            "codex_workspace",
        ],
        within: &["crates/cli/src/exec/"],
        except: &[],
        why: "exec knows the protocol and the client alone, so that it does not matter where the server is",
    },
    Reserved {
        words: &["codex_agent", "codex_history", "codex_model", "codex_permissions", "codex_store", "codex_tools"],
        within: &["crates/cli/"],
        except: &[],
        why: "the command line is a client of the server",
    },
    Reserved {
        words: &["Command::new", "process::Command", "tokio::process", "fork(", "execve", "posix_spawn", "SYS_clone"],
        within: EVERYWHERE,
        // While the program is built there is no sandbox.
        except: &["crates/sandbox/", "crates/cli/src/editor.rs", "crates/cli/build.rs"],
        why: "only `sandbox` starts processes; the user's own editor is opened by `editor`",
    },
    Reserved {
        words: &["libc"],
        within: EVERYWHERE,
        except: &["crates/sandbox/"],
        why: "only `sandbox` is unsafe; elsewhere rustix has the same calls",
    },
    Reserved {
        words: &[
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
            "env::temp_dir",
            "env::home_dir",
            "env::set_var",
        ],
        within: EVERYWHERE,
        // A build is told by it what it is for, and where to write.
        except: &["crates/config/src/environment.rs", "crates/cli/build.rs", "crates/permissions/build.rs"],
        why: "only `config` reads the environment, once",
    },
    Reserved {
        words: &["CanBeUndone"],
        within: &["crates/agent/", "crates/server/"],
        except: &["crates/agent/src/revert.rs"],
        why: "only going back needs all that was ever said in memory",
    },
    Reserved {
        words: &["get_named"],
        within: EVERYWHERE,
        except: &[
            "crates/config/src/environment.rs",
            "crates/config/src/mcp_json.rs",
            "crates/config/src/provider.rs",
            "crates/server/src/build.rs",
            "crates/server/src/mcp_login.rs",
            "crates/server/src/mcp_specs.rs",
            "crates/server/src/web.rs",
        ],
        why: "only names that the settings give are in no table; others belong in `config::variables`",
    },
    Reserved {
        words: &["\"sessions\"", "Journal::create", "Journal::open"],
        within: EVERYWHERE,
        except: &[
            "crates/store/",
            // The name of a table of settings.
            "crates/config/src/keys.rs",
            // A member of an answer.
            "crates/faces/src/acp.rs",
            "crates/server/src/agents.rs",
            "crates/server/src/dispatch.rs",
            "crates/server/src/holding.rs",
            "crates/server/src/fork.rs",
        ],
        why: "only `store` knows where sessions lie, and only the server opens them",
    },
    Reserved {
        words: &["std::fs", "std::net", "std::process", "std::time", "std::io", "tokio", "rustix", "jiff", "reqwest"],
        within: &["crates/permissions/src/", "crates/store/src/replay.rs", "crates/client/src/view.rs"],
        except: &[],
        why: "this is pure: data in, data out",
    },
    Reserved {
        words: &["std::fs", "std::net", "std::process", "std::io", "tokio", "rustix", "reqwest"],
        within: &["crates/agent/src/context.rs"],
        except: &[],
        why: "this is pure, but for the date",
    },
    Reserved {
        words: &["use codex_", "std::fs", "std::net", "std::process", "tokio"],
        within: &["crates/protocol/src/"],
        except: &[],
        why: "the protocol is data, and nothing else",
    },
    Reserved {
        words: &["reqwest"],
        within: EVERYWHERE,
        except: &["crates/net/", "crates/model/"],
        why: "clients of HTTP are built in one place",
    },
    Reserved {
        words: &["todo!", "unimplemented!", "dbg!"],
        within: EVERYWHERE,
        except: &[],
        why: "what is not finished is not there",
    },
];

fn reserved(source: &Source) -> Vec<Finding> {
    let begins = |starts: &[&str]| starts.iter().any(|start| source.path.starts_with(start));
    let mut findings = Vec::new();
    for rule in RESERVED.iter().filter(|rule| begins(rule.within) && !begins(rule.except)) {
        for (line, code) in source.product() {
            // What ends in `_` is the beginning of a word.
            let said = rule.words.iter().find(|word| match word.ends_with('_') {
                true => code.contains(*word),
                false => has_word(code, word),
            });
            findings.extend(said.map(|word| (line, format!("`{word}`: {}", rule.why))));
        }
    }
    findings
}

/// The traits of our own, each with its file.
const TRAITS: [(&str, &str); 4] = [
    ("Model", "crates/model/src/stream.rs"),
    ("Tool", "crates/tools/src/tool.rs"),
    ("Overlay", "crates/tui/src/overlays.rs"),
    // No abstraction: it adds a method to `Result` inside one crate.
    ("OrFailure", "crates/sandbox/src/wire.rs"),
];

fn declared_trait(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "trait")?;
    let leads =
        |word: &&str| word.starts_with("pub") || ["unsafe", "in", "crate)"].contains(word) || word.ends_with(')');
    if !words[..at].iter().all(leads) {
        return None;
    }
    words.get(at + 1)?.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn traits(source: &Source) -> Vec<Finding> {
    let own = source.product().into_iter().filter_map(|(line, code)| Some((line, declared_trait(code)?)));
    let others = own.filter(|(_, name)| !TRAITS.contains(&(*name, source.path.as_str())));
    let why = "is no trait of the list: a second real implementation must ask for one";
    others.map(|(line, name)| (line, format!("`{name}` {why}"))).collect()
}

/// `unsafe` stands in `sandbox` alone, and below a comment that says why it is sound.
fn unsafety(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (number, _) in source.code().filter(|(_, code)| has_word(code, "unsafe") && !code.contains('"')) {
        let above = lines[..number - 1].iter().rev().take_while(|line| line.trim_start().starts_with("//"));
        if source.package() != "sandbox" {
            findings.push((number, "`unsafe` outside `sandbox`".into()));
        } else if !above.into_iter().any(|line| line.contains("// SAFETY: ")) {
            findings.push((number, "`unsafe` without `// SAFETY:` above it".into()));
        }
    }
    findings
}

/// Tests neither sleep nor are ignored.
fn impatience(source: &Source) -> Vec<Finding> {
    let product: Vec<usize> = source.product().into_iter().map(|(line, _)| line).collect();
    let mut findings = Vec::new();
    for (line, code) in source.code().filter(|(line, _)| !product.contains(line)) {
        // In two pieces each, so that this file does not find itself.
        let words = [concat!("#[ign", "ore"), concat!("thread::sl", "eep"), concat!("time::sl", "eep")];
        let said = words.into_iter().find(|word| code.contains(word));
        findings.extend(said.map(|word| (line, format!("`{word}` in a test: wait for what must happen instead"))));
    }
    findings
}

/// Types and lines that the protocol may have.
const TYPES: usize = 220;
const LINES: usize = 4000;

fn size(sources: &[Source]) -> (usize, usize) {
    let declares = |line: &str| ["pub struct ", "pub enum ", "pub type "].iter().any(|start| line.starts_with(start));
    let types = sources.iter().flat_map(Source::product).filter(|(_, line)| declares(line.trim_start())).count();
    // Files of tests, and what only tests derive, are no part of it.
    let product = sources.iter().filter(|source| !source.is_test());
    let lines = product.flat_map(|source| source.text.lines()).filter(|line| !line.contains("#[cfg_attr(test, "));
    (types, lines.count())
}

#[test]
fn the_invariants_hold() {
    let sources = all("crates", "rs");
    hold(&sources, reserved);
    hold(&sources, traits);
    hold(&sources, unsafety);
    hold(&code(), impatience);
    for (name, path) in TRAITS {
        let source = sources.iter().find(|source| source.path == path);
        let there = source.is_some_and(|source| source.code().any(|(_, line)| declared_trait(line) == Some(name)));
        assert!(there, "the trait `{name}` is not in {path} any more: the list is out of date");
    }
    for path in RESERVED.iter().flat_map(|rule| rule.within.iter().chain(rule.except)) {
        assert!(sources.iter().any(|source| source.path.starts_with(path)), "{path} is gone: the list is out of date");
    }
}

#[test]
fn the_protocol_is_small() {
    let (types, lines) = size(&all("crates/protocol/src", "rs"));
    assert!((1..=TYPES).contains(&types), "{types} types, at most {TYPES}");
    assert!(lines <= LINES, "{lines} lines, at most {LINES}");
    let text =
        "pub struct A;\npub enum B {}\n// pub struct C;\nstruct D;\n#[cfg(test)]\nmod tests {\n    pub struct E;\n}\n";
    assert_eq!(size(&[Source::new("crates/protocol/src/a.rs", text)]), (2, 8));
    assert_eq!(size(&[Source::new("crates/protocol/src/a_tests.rs", text)]), (0, 0));
    let derived = format!("#[cfg_attr(test, derive(JsonSchema))]\n{text}");
    assert_eq!(size(&[Source::new("crates/protocol/src/a.rs", &derived)]), (2, 8));
}

#[test]
fn words_where_they_must_not_stand_are_found() {
    finds(
        reserved,
        &[
            ("crates/cli/src/exec/mod.rs", "use codex_protocol::Event;\nuse codex_client::View;\n", &[]),
            ("crates/cli/src/exec/mod.rs", "// codex_server\nuse codex_server::Server;\n", &[2]),
            ("crates/cli/src/commands/exec.rs", "use codex_server::Server;\n", &[]),
            ("crates/cli/src/main.rs", "use codex_history::Usage;\n", &[1]),
            ("crates/tools/src/a.rs", "\nstd::process::Command::new(\"sh\")\n", &[2]),
            ("crates/tools/src/a.rs", "std::process::id()\n(\"fork\", 1)\nunfork(1)\n", &[]),
            ("crates/tools/src/a.rs", "unsafe { fork() }\n", &[1]),
            ("crates/sandbox/src/a.rs", "std::process::Command::new(\"sh\")\nlibc::kill(1, 1)\n", &[]),
            ("crates/tools/src/a.rs", "#[cfg(test)]\nmod tests {\n    fn f() { Command::new(\"sh\") }\n}\n", &[]),
            ("crates/tools/tests/a.rs", "Command::new(\"sh\")\n", &[]),
            ("crates/tools/src/a.rs", "libc::kill(1, 1)\n", &[1]),
            ("crates/tools/src/a.rs", "let home = std::env::var_os(\"HOME\");\nstd::env::args_os()\n", &[1]),
            ("crates/config/src/environment.rs", "std::env::vars_os()\n", &[]),
            ("crates/tools/src/a.rs", "environment.get_named(\"HOME\")\n", &[1]),
            ("crates/agent/src/a.rs", "home.join(\"sessions\")\nJournal::create(home, header)\n", &[1, 2]),
            ("crates/store/src/a.rs", "home.join(\"sessions\")\n", &[]),
            ("crates/store/src/replay.rs", "let now = std::time::SystemTime::now();\n", &[1]),
            ("crates/permissions/src/decide.rs", "std::fs::read(path)\n", &[1]),
            ("crates/agent/src/context.rs", "std::fs::read(path)\njiff::Timestamp::now()\n", &[1]),
            ("crates/protocol/src/item.rs", "use codex_history::Usage;\n", &[1]),
            ("crates/tools/src/a.rs", "use reqwest::Client;\n", &[1]),
            ("crates/tools/src/a.rs", "fn f() { todo!() }\n", &[1]),
        ],
    );
    finds(
        traits,
        &[
            ("crates/model/src/stream.rs", "pub trait Model: Send {\n", &[]),
            ("crates/model/src/other.rs", "pub trait Model: Send {\n", &[1]),
            (
                "crates/agent/src/a.rs",
                "\ntrait Own {}\npub(crate) trait Two<T> {}\npub unsafe trait Three {}\n",
                &[2, 3, 4],
            ),
            ("crates/agent/src/a.rs", "// a trait of\nlet text = \"the trait Own\";\n", &[]),
            ("crates/agent/src/a.rs", "#[cfg(test)]\nmod tests {\n    trait Own {}\n}\n", &[]),
        ],
    );
    finds(
        unsafety,
        &[
            ("crates/sandbox/src/a.rs", "// SAFETY: it\n// holds.\nunsafe { x() }\n", &[]),
            ("crates/sandbox/src/a.rs", "// SAFETY: it holds.\n\nunsafe { x() }\n", &[3]),
            ("crates/sandbox/src/a.rs", "// It holds.\nlet a = unsafe { x() };\n", &[2]),
            ("crates/sandbox/src/a.rs", "#![allow(unsafe_code)]\n// unsafe\n", &[]),
            ("crates/tools/src/a.rs", "// SAFETY: it holds.\nunsafe { x() }\n", &[2]),
        ],
    );
    let (sleeps, ignored) = (concat!("std::thread::sl", "eep(x);\n"), concat!("#[ign", "ore = \"slow\"]\n"));
    let inside = format!("{sleeps}#[cfg(test)]\nmod tests {{\n    {sleeps}}}\n");
    finds(
        impatience,
        &[
            ("crates/a/src/b.rs", sleeps, &[]),
            ("crates/a/src/b.rs", &inside, &[4]),
            ("crates/a/tests/b.rs", sleeps, &[1]),
            ("crates/a/tests/b.rs", ignored, &[1]),
        ],
    );
}
