//! The questions of a server's threads that wait for an answer: the first counts, and each is checked against what was
//! asked.
//!
//! It must never let an answer mean more than its question offered.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use codex_mcp::Form;
use codex_permissions::{RuleKind, RuleText, Rules, prefix_rule};
use codex_protocol::{ApprovalAnswer, ApprovalDecision};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

/// The origin of a rule that an answer has added since the thread was opened.
pub const THIS_SESSION: &str = "this session";

/// The open questions of all threads of a server.
#[derive(Debug, Default)]
pub struct Questions {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// How many were ever asked: the id of the next.
    asked: u64,
    waiting: BTreeMap<u64, Waiting>,
}

/// A question that waits.
#[derive(Debug)]
struct Waiting {
    about: About,
    answer: oneshot::Sender<Answer>,
}

/// What a question is about.
#[derive(Debug)]
enum About {
    /// Something that is answered with yes or no, and nothing besides.
    Plain,
    /// A call, to which more can be said.
    Call(Offered),
    /// What a server of tools wants to know.
    Form(Form),
}

impl Waiting {
    fn offered(&self) -> Option<&Offered> {
        match &self.about {
            About::Call(offered) => Some(offered),
            About::Plain | About::Form(_) => None,
        }
    }
}

/// What can be answered to a question, besides yes, no and stop.
#[derive(Debug)]
pub(crate) struct Offered {
    /// Yes for as long as the thread is open.
    pub(crate) for_session: bool,
    /// How many hunks there are that can be agreed to one by one; 0 where that cannot be.
    pub(crate) hunks: usize,
    /// Yes for always: a rule.
    pub(crate) always: Option<Always>,
    /// Yes for always, to a tool of a server: what keeps it.
    pub(crate) keep: Option<KeepIt>,
    /// The directory that the thread works in.
    pub(crate) workspace: PathBuf,
}

/// Keeps a yes to a tool of a server.
pub(crate) struct KeepIt(pub(crate) Box<dyn Fn() -> Result<(), String> + Send + Sync>);

impl std::fmt::Debug for KeepIt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeepIt")
    }
}

/// A rule that an answer may add.
#[derive(Debug, Clone)]
pub(crate) struct Always {
    /// As it is written in the configuration.
    pub(crate) rule: String,
    /// The words of the command that it is about.
    pub(crate) words: Vec<String>,
    /// The rules in force without it.
    pub(crate) rules: Rules,
}

/// An answer that a question allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes, this once.
    Yes,
    /// Yes to these hunks, and not to others that there are.
    Hunks(BTreeSet<usize>),
    /// Yes, and the same again as long as the thread is open.
    ForSession,
    /// Yes, and under these rules from now on.
    Always(Box<Rules>),
    /// Yes, and it is kept that this tool of a server needs no leave.
    Kept,
    /// Yes, and this was entered.
    Content(Map<String, Value>),
    /// No, and a word to the model.
    No(Option<String>),
    /// No, and the turn ends.
    Stop,
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It was answered before, is not asked any more, or never was.
    #[error("there is no open question {0}: it was answered before, or is not asked any more")]
    NotOpen(u64),
    /// It would allow what the question does not offer; the question stays open.
    #[error("{0}")]
    NotOffered(String),
    /// The rule could not be saved; the question stays open.
    #[error("the rule `{rule}` was not saved: {reason}")]
    NotSaved {
        /// As it would be written.
        rule: String,
        /// What stands in the way.
        reason: String,
    },
}

impl Questions {
    /// Puts a question among those that wait: its id, and where its answer arrives.
    pub(crate) fn put(&self, offered: Offered) -> (u64, oneshot::Receiver<Answer>) {
        self.wait(About::Call(offered))
    }

    /// Puts a question of a server of tools among those that wait, which is answered by filling in `form`.
    pub(crate) fn put_form(&self, form: Form) -> (u64, oneshot::Receiver<Answer>) {
        self.wait(About::Form(form))
    }

    /// Puts a question among those that wait that no thread asks, and to which yes and no are the only answers: its id,
    /// and where the answer arrives. If nobody will answer any more, it is no.
    pub fn put_plain(&self) -> (u64, impl Future<Output = bool> + use<>) {
        let (id, answered) = self.wait(About::Plain);
        (id, async { matches!(answered.await, Ok(Answer::Yes)) })
    }

    fn wait(&self, about: About) -> (u64, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let mut open = self.open();
        let id = open.asked;
        open.asked += 1;
        open.waiting.insert(id, Waiting { about, answer });
        (id, answered)
    }

    /// Takes a question back, if it still waits.
    pub fn withdraw(&self, id: u64) {
        self.open().waiting.remove(&id);
    }

    /// Answers a question. `save` is given the thread's directory and the rule, if the answer adds one; it is called
    /// before the answer counts.
    ///
    /// # Errors
    /// When the question does not wait, the answer is not one of those it offers, or the rule cannot be saved. But for
    /// the first, the question goes on waiting.
    pub fn answer(
        &self,
        id: u64,
        answer: ApprovalAnswer,
        save: impl FnOnce(&Path, &str) -> Result<(), String>,
    ) -> Result<(), AnswerError> {
        let mut open = self.open();
        let waiting = open.waiting.get(&id).ok_or(AnswerError::NotOpen(id))?;
        let answer = match answer.decision {
            ApprovalDecision::Accept => match &waiting.about {
                About::Form(form) => entered(form, Map::new())?,
                About::Plain | About::Call(_) => Answer::Yes,
            },
            ApprovalDecision::AcceptWithContent { content } => match &waiting.about {
                About::Form(form) => entered(form, content)?,
                About::Plain | About::Call(_) => {
                    return Err(AnswerError::NotOffered("nothing is to be entered here: answer yes or no".into()));
                }
            },
            ApprovalDecision::AcceptForSession => match waiting.offered() {
                Some(offered) if offered.for_session => Answer::ForSession,
                // What cannot be remembered is done once: it is less than what was meant, not more.
                Some(_) => Answer::Yes,
                None => return Err(AnswerError::NotOffered("this is answered with yes or no".into())),
            },
            ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment } => {
                let always = waiting.offered().and_then(|offered| offered.always.as_ref());
                let (rule, rules) = amended(always, &execpolicy_amendment)?;
                let workspace = waiting.offered().map_or(Path::new(""), |offered| &offered.workspace);
                save(workspace, &rule).map_err(|reason| AnswerError::NotSaved { rule, reason })?;
                Answer::Always(Box::new(rules))
            }
            ApprovalDecision::AcceptAlways => {
                let keep = waiting.offered().and_then(|offered| offered.keep.as_ref());
                let Some(KeepIt(keep)) = keep else {
                    let message = "this cannot be remembered: answer yes for this once, or no";
                    return Err(AnswerError::NotOffered(message.into()));
                };
                keep().map_err(|reason| AnswerError::NotSaved { rule: "yes, always".into(), reason })?;
                Answer::Kept
            }
            ApprovalDecision::AcceptHunks { hunks } => {
                some_hunks(waiting.offered().map_or(0, |offered| offered.hunks), hunks)?
            }
            ApprovalDecision::Decline => Answer::No(answer.message.filter(|message| !message.trim().is_empty())),
            ApprovalDecision::Cancel => Answer::Stop,
        };
        if let Some(waiting) = open.waiting.remove(&id) {
            // Who has asked may have been interrupted just now.
            waiting.answer.send(answer).map_err(|_| AnswerError::NotOpen(id))?;
        }
        Ok(())
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was entered into `form`.
fn entered(form: &Form, content: Map<String, Value>) -> Result<Answer, AnswerError> {
    form.check(&content).map_err(AnswerError::NotOffered)?;
    Ok(if content.is_empty() { Answer::Yes } else { Answer::Content(content) })
}

/// Yes to `hunks`, of so many that were `offered`.
fn some_hunks(offered: usize, hunks: Vec<usize>) -> Result<Answer, AnswerError> {
    let refused = |message: String| Err(AnswerError::NotOffered(message));
    if offered == 0 {
        return refused("this cannot be agreed to in parts: answer yes or no".into());
    }
    let hunks: BTreeSet<usize> = hunks.into_iter().collect();
    match hunks.last() {
        None => refused("no hunk is named: answer no if none is wanted".into()),
        Some(last) if *last >= offered => {
            refused(format!("there is no hunk {last}: there are {offered}, counted from 0"))
        }
        Some(_) if hunks.len() == offered => Ok(Answer::Yes),
        Some(_) => Ok(Answer::Hunks(hunks)),
    }
}

/// The rule that `words` stand for, and the rules with it.
fn amended(offered: Option<&Always>, words: &[String]) -> Result<(String, Rules), AnswerError> {
    let refused = |message: String| Err(AnswerError::NotOffered(message));
    let Some(Always { rule, words: proposed, rules }) = offered else {
        return refused("this cannot be remembered: answer yes for this once, or no".into());
    };
    if words.is_empty() || !proposed.starts_with(words) {
        return refused(format!(
            "the rule may be `{rule}` or the first words of the command, not `{}`",
            words.join(" ")
        ));
    }
    let text = if words.len() == proposed.len() { Some(rule.clone()) } else { prefix_rule(words) };
    let Some(text) = text else { return refused("these words cannot be a rule".into()) };
    let mut texts = rules.texts().to_vec();
    texts.push(RuleText { kind: RuleKind::Allow, text: text.clone(), origin: THIS_SESSION.into() });
    match Rules::new(texts) {
        Ok(rules) => Ok((text, rules)),
        Err(error) => refused(format!("`{text}` cannot be a rule: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(questions: &Questions, for_session: bool, rule: Option<&str>) -> (u64, oneshot::Receiver<Answer>) {
        let always = rule.map(|rule| Always {
            rule: rule.to_owned(),
            words: rule[1..].split(' ').map(str::to_owned).collect(),
            rules: Rules::default(),
        });
        questions.put(Offered { for_session, hunks: 0, always, keep: None, workspace: "/w".into() })
    }

    fn answer(decision: ApprovalDecision) -> ApprovalAnswer {
        ApprovalAnswer { decision, message: Some("instead".into()) }
    }

    fn always(words: &[&str]) -> ApprovalDecision {
        let execpolicy_amendment = words.iter().map(|word| (*word).to_owned()).collect();
        ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment }
    }

    /// The answer as it arrives, in a word, and the rule that was saved.
    fn give(for_session: bool, rule: Option<&str>, decision: ApprovalDecision) -> (String, Option<String>) {
        let questions = Questions::default();
        let (id, mut answered) = asked(&questions, for_session, rule);
        let mut saved = None;
        let given = questions.answer(id, answer(decision), |workspace, rule| {
            saved = Some(format!("{}: {rule}", workspace.display()));
            Ok(())
        });
        let word = match (given, answered.try_recv()) {
            (Ok(()), Ok(Answer::Always(rules))) => format!("always {}", rules.texts()[0].text),
            (Ok(()), Ok(answer)) => format!("{answer:?}"),
            (Err(error), Err(_)) => {
                assert!(questions.open().waiting.contains_key(&id), "it goes on waiting");
                error.to_string()
            }
            other => panic!("{other:?}"),
        };
        (word, saved)
    }

    #[test]
    fn an_answer_means_no_more_than_was_offered() {
        use ApprovalDecision::{Accept, AcceptForSession, Cancel, Decline};
        let rule = Some("=cargo test --all");
        let saved = |rule: &str| Some(format!("/w: {rule}"));
        assert_eq!(give(false, None, Accept), ("Yes".into(), None));
        assert_eq!(give(true, None, AcceptForSession), ("ForSession".into(), None));
        assert_eq!(give(false, None, AcceptForSession), ("Yes".into(), None));
        assert_eq!(give(true, None, Decline), (r#"No(Some("instead"))"#.into(), None));
        assert_eq!(give(true, None, Cancel), ("Stop".into(), None));
        let whole = give(true, rule, always(&["cargo", "test", "--all"]));
        assert_eq!(whole, ("always =cargo test --all".into(), saved("=cargo test --all")));
        assert_eq!(give(true, rule, always(&["cargo", "test"])), ("always cargo test".into(), saved("cargo test")));
        for (rule, words) in [
            (None, &["cargo"][..]),
            (rule, &[]),
            (rule, &["rm"]),
            (rule, &["cargo", "run"]),
            (rule, &["cargo", "test", "--all", "--more"]),
            // What its first word alone would allow is anything.
            (Some("=env cargo test"), &["env"]),
        ] {
            let (word, saved) = give(true, rule, always(words));
            let known = ["this cannot be remembered", "the rule may be", "`env` cannot be a rule"];
            assert!(known.iter().any(|known| word.starts_with(known)), "{word}");
            assert_eq!(saved, None);
        }
    }

    #[test]
    fn the_first_answer_counts_and_the_second_is_told() {
        let questions = Questions::default();
        let (first, mut answered) = asked(&questions, true, None);
        let (second, _waits) = asked(&questions, true, None);
        assert_ne!(first, second);
        let give = |id, decision| questions.answer(id, answer(decision), |_, _| Ok(()));
        give(first, ApprovalDecision::Decline).unwrap();
        assert!(matches!(give(first, ApprovalDecision::Accept), Err(AnswerError::NotOpen(_))));
        assert!(matches!(answered.try_recv(), Ok(Answer::No(_))));
        questions.withdraw(second);
        assert!(matches!(give(second, ApprovalDecision::Accept), Err(AnswerError::NotOpen(_))));
        assert!(matches!(give(99, ApprovalDecision::Accept), Err(AnswerError::NotOpen(99))));
    }

    /// What it is about may last, so an answer that is meant for less must not stand for yes.
    #[tokio::test]
    async fn a_plain_question_takes_yes_and_no_alone() {
        let questions = Questions::default();
        let give = |id, decision| questions.answer(id, answer(decision), |_, _| Ok(()));
        for (decision, expected) in
            [(ApprovalDecision::Accept, true), (ApprovalDecision::Decline, false), (ApprovalDecision::Cancel, false)]
        {
            let (id, answered) = questions.put_plain();
            for other in [ApprovalDecision::AcceptForSession, always(&["make"])] {
                assert!(matches!(give(id, other), Err(AnswerError::NotOffered(_))));
            }
            give(id, decision).unwrap();
            assert_eq!(answered.await, expected);
        }
        let (id, answered) = questions.put_plain();
        questions.withdraw(id);
        assert!(!answered.await);
    }

    #[test]
    fn what_is_entered_is_what_was_asked_for() {
        let content = |value: Value| value.as_object().unwrap().clone();
        let form = |required: Value| {
            let properties = json!({ "age": { "type": "integer" } });
            Form::read(&json!({ "type": "object", "properties": properties, "required": required })).unwrap()
        };
        let with = |value| ApprovalDecision::AcceptWithContent { content: content(value) };
        let rows = [
            (form(json!(["age"])), with(json!({ "age": 3 })), Ok(Answer::Content(content(json!({ "age": 3 }))))),
            (form(json!(["age"])), with(json!({ "age": "3" })), Err("`age`: a whole number is wanted")),
            (form(json!(["age"])), ApprovalDecision::Accept, Err("`age` is required")),
            (form(json!([])), ApprovalDecision::Accept, Ok(Answer::Yes)),
            (form(json!([])), ApprovalDecision::AcceptForSession, Err("this is answered with yes or no")),
            (form(json!([])), ApprovalDecision::Cancel, Ok(Answer::Stop)),
        ];
        for (form, decision, expected) in rows {
            let questions = Questions::default();
            let (id, mut answered) = questions.put_form(form);
            match (questions.answer(id, answer(decision), |_, _| Ok(())), expected) {
                (Ok(()), Ok(expected)) => assert_eq!(answered.try_recv(), Ok(expected)),
                (Err(error), Err(expected)) => {
                    assert_eq!(error.to_string(), expected);
                    assert!(questions.open().waiting.contains_key(&id), "it goes on waiting");
                }
                other => panic!("{other:?}"),
            }
        }
        let questions = Questions::default();
        let (id, _answered) = asked(&questions, true, None);
        let given = questions.answer(id, answer(with(json!({ "age": 3 }))), |_, _| Ok(()));
        assert!(matches!(given, Err(AnswerError::NotOffered(_))), "{given:?}");
    }

    #[test]
    fn hunks_are_those_that_were_offered() {
        let give = |offered: usize, hunks: &[usize]| {
            let questions = Questions::default();
            let (id, mut answered) = questions.put(Offered {
                for_session: true,
                hunks: offered,
                always: None,
                keep: None,
                workspace: "/w".into(),
            });
            let decision = ApprovalDecision::AcceptHunks { hunks: hunks.to_vec() };
            match questions.answer(id, answer(decision), |_, _| Ok(())) {
                Ok(()) => format!("{:?}", answered.try_recv().unwrap()),
                Err(error) => {
                    assert!(questions.open().waiting.contains_key(&id), "it goes on waiting");
                    error.to_string()
                }
            }
        };
        for (offered, hunks, expected) in [
            (3, &[2, 0, 2][..], "Hunks({0, 2})"),
            (2, &[1, 0], "Yes"),
            (2, &[], "no hunk is named"),
            (2, &[0, 2], "there is no hunk 2"),
            (0, &[0], "cannot be agreed to in parts"),
        ] {
            let given = give(offered, hunks);
            assert!(given.contains(expected), "{offered} {hunks:?}: {given}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_saved_allows_nothing() {
        let questions = Questions::default();
        let (id, mut answered) = asked(&questions, true, Some("=make"));
        let failed = questions.answer(id, answer(always(&["make"])), |_, _| Err("the disk is full".into()));
        assert!(failed.unwrap_err().to_string().contains("the disk is full"));
        assert!(answered.try_recv().is_err());
        questions.answer(id, answer(ApprovalDecision::Accept), |_, _| Ok(())).unwrap();
        assert_eq!(answered.try_recv(), Ok(Answer::Yes));
    }
}
