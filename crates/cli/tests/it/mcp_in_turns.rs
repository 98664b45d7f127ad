//! Servers of tools in the built program: when they start, and that nothing of them is left.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::OpenOptionsExt,
};

use serde_json::json;

use crate::support::Place;

/// A server with a tool `run` that says when it is called, and then is silent.
const SCRIPT: &str = r#"
answer() { printf '%s\n' '{"jsonrpc":"2.0","id":'"$id"',"result":'"$1"'}'; }
exec 9<> alive
while read -r line; do
    id=${line#*'"id":'}; id=${id%%[,\}]*}
    case $line in
    *'"initialize"'*) answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}' ;;
    *'"tools/list"'*) answer '{"tools":[{"name":"run","inputSchema":{"type":"object"}}]}' ;;
    *'"quick"'*) answer '{"content":[{"type":"text","text":"well done"}]}' ;;
    *'"tools/call"'*) echo called > called; sleep 1000 ;;
    esac
done
"#;

fn place(how: &str) -> Place {
    let place = Place::new(json!({ "pick": "results", "steps": [
        { "tool": "mcp__s__run", "arguments": { "how": how } },
        { "text": "Done." },
    ]}));
    fs::write(place.workspace.join("server.sh"), SCRIPT).unwrap();
    for fifo in ["alive", "called"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, place.workspace.join(fifo), 0o600.into()).unwrap();
    }
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let server =
        "[mcp_servers.s]\ncommand = \"sh\"\nargs = [\"server.sh\"]\ndefault_tools_approval_mode = \"approve\"\n";
    fs::write(&config, text + server).unwrap();
    place
}

/// A handle that ends when no server is there any more.
fn alive(place: &Place) -> fs::File {
    let flags = libc::O_NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(place.workspace.join("alive")).unwrap();
    rustix::io::ioctl_fionbio(&file, false).unwrap();
    file
}

#[test]
fn the_model_calls_a_tool_of_a_server_and_it_is_gone_at_the_end() {
    let place = place("quick");
    let mut alive = alive(&place);
    let output = place.codex(&["exec", "--sandbox", "workspace-write", "go"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = place.server.requests().pop().unwrap().body.to_string();
    assert!(asked.contains("well done"), "{asked}");
    assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_server_does_not_outlive_a_program_that_was_killed() {
    let place = place("silent");
    let mut alive = alive(&place);
    let mut child = place.codex(&["exec", "--sandbox", "workspace-write", "go"]).spawn().unwrap();
    // It waits for the server to be called.
    let mut called = String::new();
    BufReader::new(fs::File::open(place.workspace.join("called")).unwrap()).read_line(&mut called).unwrap();
    assert_eq!(called, "called\n");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
}
