//! Clients and servers of this program that do not understand each other.

/// What is said where a server and a client, each with its version, speak other revisions of the protocol.
pub fn other_revision(server: (&str, u32), client: (&str, u32)) -> String {
    let older = if server.1 < client.1 { "the server is older" } else { "this program is older" };
    format!(
        "the server is codex {} (protocol revision {}), and the client codex {} (revision {}): {older}; install the same version on \
         both machines",
        server.0, server.1, client.0, client.1,
    )
}
