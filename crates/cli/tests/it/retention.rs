//! Sessions that are not kept for ever, where the configuration says so.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use codex_protocol::{ServerNotification, ThreadStartParams};
use serde_json::{Value, json};

use crate::{session::Session, support::Place};

fn done(place: &Place, arguments: &[&str]) -> String {
    let out = place.codex(arguments).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn listed(place: &Place) -> Vec<Value> {
    serde_json::from_str(&done(place, &["sessions", "list", "--json"])).unwrap()
}

fn ids(sessions: &[Value]) -> Vec<&str> {
    sessions.iter().map(|session| session["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_is_old_goes_where_the_configuration_says_so_and_it_is_told() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }, { "text": "three" }]));
    done(&place, &["exec", "old"]);
    let old = listed(&place);
    done(&place, &["exec", "old and named"]);
    let both = listed(&place);
    let named = ids(&both).into_iter().find(|id| !ids(&old).contains(id)).unwrap();
    done(&place, &["sessions", "rename", named, "name"]);
    for session in &both {
        let long_ago = SystemTime::now() - Duration::from_hours(9 * 24);
        fs::File::open(session["path"].as_str().unwrap()).unwrap().set_modified(long_ago).unwrap();
    }
    done(&place, &["exec", "without a setting"]);
    assert_eq!(listed(&place).len(), 3);

    let mut config = serde_json::Map::new();
    config.insert("sessions.keep_days".into(), json!(7));
    let mut session = Session::with(&place, ThreadStartParams { config: Some(config), ..Default::default() }).await;
    let told = session.next(|told| match told {
        ServerNotification::Warning(warning) => Some(warning.message.clone()),
        _ => None,
    });
    let told = told.await;
    assert!(told.contains("earlier sessions were deleted") && told.contains("says: 1, 0.0 MB"), "{told}");
    let left = listed(&place);
    assert!(left.len() == 2 && !ids(&left).contains(&ids(&old)[0]), "{left:?}");
}
