//! Who uses whom: the table of `docs/ARCHITECTURE.md` is what cargo says, and every crate uses lower bands only.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use super::{read, root};

/// A crate to the crates it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// What the architecture document says of crates.
#[derive(Debug, Default)]
struct Documented {
    uses: Graph,
    /// Band by crate; a higher one may use a lower one. Crates for tests have none.
    bands: BTreeMap<String, u32>,
}

/// What the server's row says in place of a list.
const ALL_OF_AGENT: &str = "agent and what agent uses";

/// Reads the table of crates, and the text after it.
fn documented(text: &str) -> Documented {
    let mut found = Documented::default();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, band, name, _, uses, _] = cells.as_slice() else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        if let Ok(band) = band.parse() {
            found.bands.insert(name.to_owned(), band);
        }
        let uses = uses.split(',').map(|used| used.split(" (").next().unwrap_or_default().trim());
        found.uses.insert(name.to_owned(), uses.filter(|used| *used != "–").map(str::to_owned).collect());
    }
    let agent = found.uses.get("agent").cloned().unwrap_or_default();
    for uses in found.uses.values_mut().filter(|uses| uses.contains(ALL_OF_AGENT)) {
        uses.remove(ALL_OF_AGENT);
        uses.insert("agent".into());
        uses.extend(agent.iter().cloned());
    }
    found
}

/// The normal and build dependencies between the crates of the product, which all lie in `crates/`.
fn edges(metadata: &Value) -> Graph {
    let short = |name: &Value| name.as_str().unwrap().strip_prefix("codex-").map(str::to_owned);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let product = dependencies.filter(|dependency| dependency["kind"] != "dev");
        product.filter_map(|dependency| short(&dependency["name"])).collect()
    };
    let ours = |package: &&Value| package["manifest_path"].as_str().unwrap().contains("/crates/");
    packages.filter(ours).filter_map(|package| Some((short(&package["name"])?, uses(package)))).collect()
}

#[allow(clippy::disallowed_methods, reason = "cargo knows what the manifests mean")]
fn metadata() -> Value {
    let arguments = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where cargo and the document differ, and who uses what is not below it.
fn problems(actual: &Graph, documented: &Documented) -> Vec<String> {
    let mut problems = Vec::new();
    let names: BTreeSet<&String> = actual.keys().chain(documented.uses.keys()).collect();
    for name in names {
        let (Some(uses), Some(said)) = (actual.get(name), documented.uses.get(name)) else {
            problems.push(format!("{name} is in the manifests or in the document, not in both"));
            continue;
        };
        problems
            .extend(uses.difference(said).map(|used| format!("{name} uses {used}, and the document does not say so")));
        problems.extend(said.difference(uses).map(|used| format!("{name} does not use {used}; the document says so")));
    }
    for (name, uses) in actual {
        for used in uses {
            match (documented.bands.get(name), documented.bands.get(used)) {
                (Some(own), Some(other)) if own > other => {}
                (None, _) => {}
                _ => problems.push(format!("{name} uses {used}, which is not in a lower band")),
            }
        }
    }
    // Lower bands alone rule out circles, but for crates without a band.
    let mut left: Graph = actual.clone();
    while let Some(free) = left.iter().find(|(_, uses)| uses.is_disjoint(&left.keys().cloned().collect())) {
        let free = free.0.clone();
        left.remove(&free);
    }
    if !left.is_empty() {
        let circle: Vec<&String> = left.keys().collect();
        problems.push(format!("a circle: {circle:?}"));
    }
    problems
}

#[test]
fn crates_use_what_the_architecture_says_and_nothing_else() {
    let documented = documented(&read("docs/ARCHITECTURE.md"));
    assert!(documented.bands.len() > 10, "the table was not found: {documented:?}");
    let problems = problems(&edges(&metadata()), &documented);
    assert!(problems.is_empty(), "docs/ARCHITECTURE.md and the manifests:\n{}", problems.join("\n"));
}

#[test]
fn a_wrong_dependency_is_found() {
    type Row<'a> = (&'a str, Vec<&'a str>);
    let table = "| band | crate | one sentence | uses |\n|---|---|---|---|\n| 0 | `low` | x | – |\n\
        | 1 | `mid` | x | low (types) |\n| 1 | `agent` | x | low |\n| 5 | `server` | x | agent and what agent uses |\n\
        | dev | `kit` | x | – |\n";
    let documented = documented(table);
    let right = [
        ("low", vec![]),
        ("mid", vec!["low"]),
        ("agent", vec!["low"]),
        ("server", vec!["agent", "low"]),
        ("kit", vec![]),
    ];
    let graph = |changed: &[Row]| -> Graph {
        let rows = right.iter().chain(changed);
        rows.map(|(name, uses)| ((*name).to_owned(), uses.iter().map(|used| (*used).to_owned()).collect())).collect()
    };
    let cases: [(&[Row], &str); 7] = [
        (&[], ""),
        (&[("mid", vec![])], "mid does not use low"),
        (&[("mid", vec!["low", "agent"])], "mid uses agent, and the document does not say so"),
        (&[("mid", vec!["low", "agent"])], "mid uses agent, which is not in a lower band"),
        (&[("mid", vec!["low", "kit"])], "mid uses kit, which is not in a lower band"),
        (&[("low", vec!["mid"])], "a circle: [\"agent\", \"low\", \"mid\", \"server\"]"),
        (&[("new", vec![])], "new is in the manifests or in the document"),
    ];
    for (changed, expected) in cases {
        let found = problems(&graph(changed), &documented);
        assert_eq!(found.is_empty(), expected.is_empty(), "{found:?}");
        assert!(expected.is_empty() || found.iter().any(|found| found.contains(expected)), "{expected}: {found:?}");
    }
    let metadata = serde_json::json!({ "packages": [
        { "name": "codex-a", "manifest_path": "/x/crates/a/Cargo.toml", "dependencies": [
            { "name": "codex-b", "kind": null }, { "name": "codex-c", "kind": "build" },
            { "name": "codex-d", "kind": "dev" }, { "name": "serde", "kind": null },
        ]},
        { "name": "codex-measure", "manifest_path": "/x/benches/measure/Cargo.toml", "dependencies": [] },
    ]});
    assert_eq!(edges(&metadata), [("a".to_owned(), ["b".to_owned(), "c".to_owned()].into())].into());
}
