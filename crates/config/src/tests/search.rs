//! Web search: when it is on, and whom it asks.

use super::{USER, load_files};
use crate::SearchMode;

#[test]
fn it_is_off_unless_it_is_switched_on_and_each_name_of_it_counts() {
    use SearchMode::{Cached, Live, Off};
    for (text, arguments, mode, required) in [
        ("", &[][..], Off, false),
        ("search = true", &[], Live, true),
        ("[search]\nenabled = true", &[], Live, true),
        ("[search]\nprovider = \"brave\"", &[], Off, false),
        ("[search]\nprovider = \"brave\"", &["search=true"], Live, true),
        ("search = true", &["search=false"], Off, false),
        ("web_search = \"live\"", &[], Live, false),
        ("web_search = \"cached\"", &[], Cached, false),
        ("web_search = \"indexed\"", &[], Cached, false),
        ("web_search = true", &[], Live, false),
        ("web_search = \"disabled\"", &[], Off, false),
        // The stricter of the two.
        ("web_search = \"cached\"\nsearch = true", &[], Cached, true),
    ] {
        let search = load_files(&[(USER, text)], arguments).unwrap().settings.search;
        assert_eq!((search.mode, search.is_required), (mode, required), "{text} {arguments:?}");
    }
}

#[test]
fn a_search_engine_has_its_usual_address_and_variable_unless_others_are_written() {
    for (text, base_url, variable) in [
        ("provider = \"brave\"", "https://api.search.brave.com/res/v1", Some("BRAVE_API_KEY")),
        ("provider = \"tavily\"\napi_key_env = \"MINE\"", "https://api.tavily.com", Some("MINE")),
        ("provider = \"searxng\"\nbase_url = \"http://localhost:8888/\"", "http://localhost:8888", None),
    ] {
        let text = format!("[search]\nenabled = true\n{text}");
        let settings = load_files(&[(USER, &text)], &[]).unwrap().settings;
        let backend = settings.search.backend.unwrap();
        assert_eq!((backend.base_url.as_str(), backend.api_key_env.as_deref()), (base_url, variable), "{text}");
        assert_eq!((backend.max_results, backend.open), (8, false));
        // Commands must not see it.
        assert!(variable.is_none_or(|name| settings.secret_variables.contains(name)), "{text}");
    }
    let text = "search.enabled = true\nsearch.provider = \"searxng\"";
    let error = load_files(&[(USER, text)], &[]).map(|loaded| loaded.settings).unwrap_err();
    assert!(error.contains("2:19: the search engine `searxng` has no `search.base_url`"), "{error}");
    // Where nothing is searched it is not missed.
    load_files(&[(USER, "search.provider = \"searxng\"")], &[]).unwrap();
}
