//! What pickers of a screen ask for: files by a few letters, sessions by a word, models.

use std::fs;

use codex_protocol::{
    ApprovalPolicy, FoundKind, FuzzyFileSearchParams, ModelListParams, ThreadListParams, ThreadStartParams,
};
use codex_testkit::ModelServer;
use serde_json::{Map, json};

use crate::{session::Session, support::Place};

async fn files(session: &Session, place: &Place, query: &str) -> Vec<String> {
    let roots = vec![place.workspace.display().to_string()];
    let params = FuzzyFileSearchParams { query: query.into(), roots, refresh: Some(true), ..Default::default() };
    let found = session.connection.client.fuzzy_file_search(params).await.unwrap().files;
    assert!(
        found.iter().all(|file| place.workspace.join(&file.path).is_dir() == (file.match_type == FoundKind::Directory))
    );
    found.into_iter().map(|file| file.path).collect()
}

#[tokio::test]
async fn files_are_found_but_for_those_that_the_policy_hides() {
    let place = Place::new(json!([]));
    for name in ["src/main.rs", "src/.env", "private/main.rs", "ignored/main.rs", ".gitignore"] {
        let path = place.workspace.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, if name == ".gitignore" { "ignored\n" } else { "" }).unwrap();
    }
    let mut config = Map::new();
    config.insert("sandbox.hide".into(), json!([place.workspace.join("private")]));
    let session = Session::with(&place, ThreadStartParams { config: Some(config), ..Default::default() }).await;
    assert_eq!(files(&session, &place, "main").await, ["src/main.rs"]);
    assert_eq!(files(&session, &place, "env").await, [""; 0]);
    fs::write(place.workspace.join("domain.txt"), "").unwrap();
    assert_eq!(files(&session, &place, "main").await, ["src/main.rs", "domain.txt"]);
    for root in ["src", "/none"] {
        let params = FuzzyFileSearchParams { roots: vec![root.into()], ..Default::default() };
        let error = session.connection.client.fuzzy_file_search(params).await.unwrap_err();
        assert!(error.message.contains(&format!("the root `{root}`")), "{error}");
    }
}

#[tokio::test]
async fn sessions_are_found_by_a_word_and_listed_page_by_page() {
    let place = Place::new(json!([{ "text": "ok" }, { "text": "ok" }]));
    let mut ids = Vec::new();
    for said in ["mend the parser", "write a poem"] {
        let mut session = Session::start(&place, ApprovalPolicy::Never).await;
        session.say(said).await;
        session.turn_ended().await;
        ids.push(session.thread_id);
    }
    let session = Session::start(&place, ApprovalPolicy::Never).await;
    let list = async |params: ThreadListParams| {
        let result = session.connection.client.thread_list(params).await.unwrap();
        (result.data.into_iter().map(|thread| thread.id).collect::<Vec<_>>(), result.next_cursor)
    };
    for (term, expected) in [("PARSER", &ids[..1]), ("poem", &ids[1..]), ("nothing", &[])] {
        let params = ThreadListParams { search_term: Some(term.into()), ..Default::default() };
        assert_eq!(list(params).await, (expected.to_vec(), None), "{term}");
    }
    let (first, cursor) = list(ThreadListParams { limit: Some(1), ..Default::default() }).await;
    let (second, end) = list(ThreadListParams { limit: Some(1), cursor, ..Default::default() }).await;
    assert_eq!((first, second, end), (vec![ids[1].clone()], vec![ids[0].clone()], None));
}

#[tokio::test]
async fn models_are_those_of_the_configuration_and_of_open_threads() {
    let place = Place::new(json!([]));
    let params = ThreadStartParams { model: Some("gpt-4o".into()), ..Default::default() };
    let session = Session::with(&place, params).await;
    let list = async |params: ModelListParams| session.connection.client.model_list(params).await.unwrap().data;
    let models = list(ModelListParams::default()).await;
    let [default, other] = &models[..] else { panic!("{models:#?}") };
    assert!(default.is_default && !other.is_default);
    assert_eq!((other.model.as_str(), other.id.as_str()), ("gpt-4o", &*format!("{}/gpt-4o", other.model_provider)));
    // It is known not to reason.
    assert_eq!((other.default_reasoning_effort.as_str(), other.supported_reasoning_efforts.len()), ("none", 0));
    assert_eq!(other.context_window, Some(128_000));
    let efforts: Vec<_> = default.supported_reasoning_efforts.iter().map(|option| &*option.reasoning_effort).collect();
    assert_eq!(efforts, ["minimal", "low", "medium", "high"]);
    assert!(efforts.contains(&&*default.default_reasoning_effort));
    let none = ModelListParams { model_provider: Some("none".into()), ..Default::default() };
    assert_eq!(list(none).await, []);
}

/// What providers list that take no key: those of the configuration, and those of open threads, which alone may name them.
/// Where a thread is held to models with open weights, nobody else is asked.
#[tokio::test]
async fn models_are_those_that_providers_list_which_need_no_key() {
    let place = Place::new(json!([]));
    let [named, own] = [ModelServer::from_json(json!([])), ModelServer::from_json(json!([]))];
    let path = place.home.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    let table = format!("[model_providers.named]\nbase_url = \"{}\"\n", named.base_url());
    fs::write(&path, config + &table + "[models.\"named/mock\"]\ncontext_window = 4321\n").unwrap();
    let config = json!({ "model_providers.own.base_url": own.base_url() });
    let params =
        ThreadStartParams { model: Some("own/m".into()), config: config.as_object().cloned(), ..Default::default() };
    let session = Session::with(&place, params.clone()).await;
    let list = async |session: &Session| {
        let models = session.connection.client.model_list(ModelListParams::default()).await.unwrap().data;
        models.into_iter().map(|model| (model.id, model.context_window)).collect::<Vec<_>>()
    };
    let models = list(&session).await;
    for expected in [("own/m", None), ("own/mock", None), ("named/mock", Some(4321))] {
        assert!(models.contains(&(expected.0.to_owned(), expected.1)), "{expected:?}: {models:?}");
    }
    assert_eq!((named.lists().len(), own.lists().len()), (1, 1));
    drop(session);
    let mut open = params;
    let flags = json!({ "oss": true, "model_providers.own.open_weights": true });
    open.config.as_mut().unwrap().extend(flags.as_object().cloned().unwrap());
    open.model = Some("own/mock".into());
    let session = Session::with(&place, open).await;
    let before = own.lists().len();
    let models = list(&session).await;
    assert!(
        models.iter().any(|(id, _)| id == "own/mock") && models.iter().all(|(id, _)| id != "named/mock"),
        "{models:?}"
    );
    assert_eq!((named.lists().len(), own.lists().len() > before), (1, true));
}
