//! Tokens of servers of tools.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::{Environment, forget_mcp_tokens, has_mcp_tokens, keep_mcp_tokens, mcp_tokens, mcp_tokens_file};

#[test]
fn they_are_kept_for_one_address_and_for_the_user_alone() {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().join("home");
    let environment = Environment::from_pairs([("CODEX_HOME", home.to_str().unwrap())]);
    let tokens = |url: &str| mcp_tokens(&environment, "docs", url).unwrap();
    assert_eq!(tokens("https://a/mcp"), None);
    assert!(!forget_mcp_tokens(&environment, "docs").unwrap());
    fs::create_dir_all(&home).unwrap();
    // What is there already, a link to a file of somebody's, is not written to.
    let other = temp.path().join("other");
    fs::write(&other, "{}").unwrap();
    symlink(&other, mcp_tokens_file(&home)).unwrap();
    keep_mcp_tokens(&environment, ("docs", "https://a/mcp"), "secret-1", false).unwrap();
    keep_mcp_tokens(&environment, ("more", "https://b/mcp"), "secret-2", false).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "{}");
    assert_eq!(fs::symlink_metadata(mcp_tokens_file(&home)).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(tokens("https://a/mcp").as_deref(), Some("secret-1"));
    assert_eq!(tokens("https://a/other"), None, "another address gets nothing");
    assert!(has_mcp_tokens(&environment, "docs", "https://a/mcp").unwrap());
    assert!(forget_mcp_tokens(&environment, "docs").unwrap());
    assert_eq!(tokens("https://a/mcp"), None);
    assert!(forget_mcp_tokens(&environment, "more").unwrap());
    assert!(!mcp_tokens_file(&home).exists(), "a file of nothing is none");
}

#[test]
fn what_is_not_in_order_is_said_without_showing_it() {
    let temp = tempfile::tempdir().unwrap();
    let environment = Environment::from_pairs([("CODEX_HOME", temp.path().to_str().unwrap())]);
    fs::write(mcp_tokens_file(temp.path()), "{\n\"docs\": \"secret-1\"}").unwrap();
    for error in [
        mcp_tokens(&environment, "docs", "https://a").unwrap_err(),
        keep_mcp_tokens(&environment, ("docs", "https://a"), "secret-2", false).unwrap_err(),
        forget_mcp_tokens(&environment, "docs").unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(error.contains("mcp_credentials.json: line 2 is not in order") && !error.contains("secret"), "{error}");
    }
    assert!(fs::read_to_string(mcp_tokens_file(temp.path())).unwrap().contains("secret-1"), "nothing is lost");
}
