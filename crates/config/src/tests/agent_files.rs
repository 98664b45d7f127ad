//! Descriptions of sub-agents, read from texts.

use super::*;
use crate::source::Name;

const GOOD: &str = "---\ndescription: Looks for bugs\nmodel: local/m\ntools: [read_file, search_files]\n\
    sandbox: read-only\nbudget: 50_000\nmax_turns: 7\nworktree: true\n# why not\n---\n\nLook closely.\n";

fn read(name: &str, text: &str) -> Result<AgentFile, String> {
    let path = PathBuf::from(name);
    let source = Source::new(Name::File(path.clone()), text.to_owned());
    let read = parse(&path, &source).map(|(file, _)| file);
    read.map_err(|error| format!("{}: {}", error.origin, error.message))
}

#[test]
fn a_description_is_read() {
    let expected = AgentFile {
        name: "bug-finder".into(),
        path: "/a/bug-finder.md".into(),
        description: "Looks for bugs".into(),
        model: Some("local/m".into()),
        tools: Some(vec!["read_file".into(), "search_files".into()]),
        tools_line: 4,
        sandbox: Some(SandboxMode::ReadOnly),
        budget: Some(50_000),
        max_turns: NonZeroU32::new(7),
        worktree: true,
        instructions: "Look closely.".into(),
    };
    assert_eq!(read("/a/bug-finder.md", GOOD), Ok(expected));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let table = [
        ("/a/Bad.md", GOOD, "/a/Bad.md:1:1: its name may have lower-case letters"),
        ("/a/b.md", "Look.\n", "/a/b.md:1:1: it begins with a line `---`"),
        ("/a/b.md", "---\ndescription: x\n", "/a/b.md:3:1: the line `---` is missing that ends the keys"),
        ("/a/b.md", "---\ndescription: x\ncolour: red\n---\nx", "/a/b.md:3:1: there is no key `colour`; there is"),
        ("/a/b.md", "---\ndescription: x\nwords\n---\nx", "/a/b.md:3:1: this is no line `key: value`"),
        ("/a/b.md", "---\ndescription: x\nsandbox: none\n---\nx", "/a/b.md:3:1: `sandbox` is `read-only`"),
        ("/a/b.md", "---\ndescription: x\nbudget: 0\n---\nx", "/a/b.md:3:1: `budget` is a number of tokens"),
        ("/a/b.md", "---\ndescription: x\nbudget:\n---\nx", "/a/b.md:3:1: `budget` has no value"),
        ("/a/b.md", "---\ndescription: x\ndescription: y\n---\nx", "/a/b.md:3:1: `description` is there twice"),
        ("/a/b.md", "---\nmodel: x\n---\nx", "/a/b.md:1:1: `description` is missing"),
        ("/a/b.md", "---\ndescription: x\n---\n\n", "/a/b.md:1:1: nothing follows the keys"),
    ];
    for (name, text, expected) in table {
        let error = read(name, text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}
