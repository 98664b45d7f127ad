//! The examples below each `--help`, and in the manual. What they show must work as it stands.

pub const CODEX: &str = "\
Examples:
  codex \"what does this project do?\"
  codex --resume --last
  codex exec \"find out why the tests fail and fix it\"
  codex -C ~/project -m gpt-4.1 exec --json \"list the public functions\"
  cargo build 2>&1 | codex exec \"explain these errors\"
  codex exec resume --last \"now write a test for it\"
  codex sandbox -- make test";

pub const EXEC: &str = "\
Examples:
  codex exec \"find out why the tests fail and fix it\"
  codex exec -s read-only \"explain src/main.rs\"
  git diff | codex exec -o review.md \"review this change\"
  codex exec --full-auto --add-dir ../shared \"use the helpers of ../shared\"
  codex exec --max-cost 2 --max-turns 50 --timeout 30m \"make the tests pass\"
  codex exec --json --ephemeral \"list the public functions\"

Exit codes: 0 done, 1 the turn failed, 2 usage or configuration, 3 it came to a limit of what it may use, 124 the time \
of --timeout was up, 130 interrupted, 143 terminated.";

pub const SERVE: &str = "\
Examples:
  codex serve
  codex serve 0.0.0.0:8080 --allow-cwd ~/src
  codex serve unix:///run/user/1000/codex.sock
  codex serve token add laptop --expires 720h

Elsewhere: codex --remote ws://HOST:PORT, or codex --remote ws://HOST:PORT exec \"PROMPT\". A token opens the server;
without TLS, listen on 127.0.0.1 and use a tunnel: ssh -L 8080:localhost:8080 HOST. Flags hold for the sessions that \
clients start; they may tighten them, and choose the model and when to be asked.";

pub const APP_SERVER: &str = "\
Examples:
  codex app-server
  codex -m gpt-4.1 -s read-only app-server --listen stdio://

A message is one line of JSON, in either direction; docs/protocol.md says what there is. Flags hold for the sessions that \
the program starts, unless it says otherwise itself. It ends when its standard input does.";

pub const ACP: &str = "\
Examples:
  codex acp
  codex -m gpt-4.1 acp

An editor starts it: in Zed as a custom agent server with the command `codex` and the argument `acp`.";

pub const MCP: &str = "\
Examples:
  codex mcp add files -- npx -y @modelcontextprotocol/server-filesystem .
  codex mcp add tracker --url https://tracker.example/mcp
  codex mcp login tracker
  codex mcp list

A server is written into your own config.toml, as `[mcp_servers.NAME]`; a project's are in its .codex/config.toml or .mcp.json, \
and count once you trust it.";

pub const MCP_SERVER: &str = "\
Examples:
  codex mcp-server
  codex -s read-only mcp-server

It has two tools: `codex` does a task in a directory, `codex-reply` goes on with it. Where the other agent cannot be asked, \
nothing that would have to be asked about is done.";

pub const RESUME: &str = "\
Examples:
  codex exec resume --last \"now write a test for it\"
  codex exec resume 0199a213 \"go on\"";

pub const RESUME_SCREEN: &str = "\
Examples:
  codex resume
  codex resume --last
  codex resume 0199a213 \"go on\"";

pub const REVIEW: &str = "\
Examples:
  codex review
  codex review --base main
  codex review --commit HEAD --json -o review.json
  codex review \"is the new parser safe on input of any length?\"

Exit codes: 0 done, whether something was found or not, 1 the review failed, 2 usage or configuration, 3 it came to one \
of the limits, 124 the time of --timeout was up, 130 interrupted, 143 terminated.";

pub const SESSIONS: &str = "\
Examples:
  codex sessions
  codex sessions list --all --json
  codex sessions search --all \"race in the parser\"
  codex sessions rename 0199a213 parser
  codex resume parser
  codex sessions export parser -o parser.md
  codex sessions archive parser
  codex sessions delete parser --yes

Exit codes: 0 done, 1 it could not be done, 2 usage, or there is no such session.";

pub const FORK: &str = "\
Examples:
  codex exec fork --last \"try it with a hash map instead\"
  codex exec fork 0199a213 --at turn_2 \"go on from there\"";

pub const FORK_SCREEN: &str = "\
Examples:
  codex fork
  codex fork --last
  codex fork 0199a213 --at turn_2";

pub const REWIND: &str = "\
Examples:
  codex rewind --list
  codex rewind --last --files
  codex rewind 0199a213 --to 3 --dry-run
  codex rewind --redo

Exit codes: 0 all of it went back, 1 something stayed as it is, 2 usage.";

pub const DIFF: &str = "\
Examples:
  codex diff
  codex diff --stat 0199a213
  codex diff 0199a213 | git apply --index";

pub const APPLY: &str = "\
Examples:
  codex apply 0199a213 --check
  codex apply 0199a213 -C ../clean-clone";

pub const SANDBOX: &str = "\
Examples:
  codex sandbox -- make test
  codex sandbox -s read-only -- sh -c 'cat *.txt'
  codex sandbox --allow-network --add-dir ../out -- ./release.sh";

pub const TRUST: &str = "\
Examples:
  codex trust
  codex trust ~/project --revoke
  codex trust --list";

pub const PERMISSIONS: &str = "\
Examples:
  codex permissions why \"git push --force\"
  codex permissions list
  codex permissions show destructive-commands
  codex permissions remove \"npm test\"";

pub const PLUGIN: &str = "\
Examples:
  codex plugin new greet
  codex plugin add ./greet
  codex plugin list
  codex plugin update
  codex plugin marketplace add https://example.com/plugins.git

What a plugin may do is shown before it is kept, and is asked about again when an update changes that.";

pub const PLUGIN_ADD: &str = "\
Examples:
  codex plugin add ./greet
  codex plugin add https://example.com/greet.git#v1.2
  codex plugin add https://example.com/many.git#main:plugins/greet
  codex plugin add greet@team";

pub const LOGIN: &str = "\
Examples:
  codex login
  codex login --provider work --keyring
  pass show openai | codex login
  codex login status

A key is kept in credentials.toml below CODEX_HOME, which you alone can read, with the server that it was given for; it \
is sent to no other. The variable that the configuration names for a key outranks what is kept.";

pub const MODELS: &str = "\
Examples:
  codex models
  codex models anthropic
  codex models --json

`-m PROVIDER/MODEL` asks one of them. A table [model_providers.NAME] of the settings adds a provider, or changes single keys \
of one that is built in. Exit codes: 0 done, 1 the provider that was named lists none, 2 usage.";

pub const DOCTOR: &str = "\
Examples:
  codex doctor
  codex doctor --json --offline

Exit codes: 0 nothing fails, 1 something does, 2 usage.";

pub const CONFIG: &str = "\
Examples:
  codex config explain
  codex -m gpt-4.1 config explain model
  codex config get sandbox
  codex config set ask_for_approval on-request
  codex config set --project permissions.deny '[\"git push\"]'
  codex config set -p fast model gpt-4.1-mini
  codex config unset search
  codex config edit --local";

pub const COMPLETION: &str = "\
Examples:
  codex completion bash > ~/.local/share/bash-completion/completions/codex
  codex completion zsh > \"${fpath[1]}/_codex\"
  codex completion fish > ~/.config/fish/completions/codex.fish";

pub const MAN: &str = "\
Examples:
  codex man | man -l -
  codex man exec resume | man -l -
  codex man --out ~/.local/share/man/man1";
