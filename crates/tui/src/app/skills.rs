//! Skills: the page of `/skills`, switching one, and the list while `$` is typed.

use codex_protocol::{
    ClientRequest, SkillInfo, SkillScope, SkillsConfigWriteParams, SkillsListParams, SkillsListResult,
};

use super::{App, Purpose};
use crate::{
    composer::Token,
    look::Look,
    overlays::{Overlay, Pager, PagerEntry},
    popup::Popup,
    text::{Row, wrap},
    theme::Role,
};

impl App {
    pub(super) fn ask_skills(&mut self, purpose: Purpose) {
        let cwds = self.session.iter().map(|session| session.opened.cwd.clone()).collect();
        let params = SkillsListParams { cwds, ..SkillsListParams::default() };
        self.call(ClientRequest::SkillsList(params), purpose);
    }

    pub(super) fn switch_skill(&mut self, name: String, enabled: bool) {
        let params = SkillsConfigWriteParams { enabled, name: Some(name.clone()), path: None };
        self.call(ClientRequest::SkillsConfigWrite(params), Purpose::SwitchSkill { name, enabled });
    }

    pub(super) fn skill_switched(&mut self, name: &str, enabled: bool) {
        let how = if enabled { "in use" } else { "not in use" };
        self.say(&format!("the skill {name} is {how} from the next session on"));
    }

    pub(super) fn skills_came(&mut self, found: SkillsListResult) {
        let Some(session) = &mut self.session else { return };
        let skills = found.data.into_iter().flat_map(|entry| entry.skills);
        session.skills = skills.filter(|skill| skill.enabled).collect();
        if let Some(Token::Skill(typed)) = self.composer.token()
            && self.overlays.is_empty()
        {
            self.focus.popup = Popup::skills(&typed, self.skills());
        }
    }

    /// Those in use, as far as they are known.
    pub(super) fn skills(&self) -> &[SkillInfo] {
        self.session.as_ref().map(|session| session.skills.as_slice()).unwrap_or_default()
    }
}

/// All skills, and what is wrong.
pub(super) fn page(found: &SkillsListResult, look: &Look) -> Box<dyn Overlay> {
    let mut rows = Vec::new();
    let mut line = |text: &str, role: Role| {
        rows.extend(wrap(&Row::new(text, look.style(role)), look.width.saturating_sub(4), &Row::plain("    ")));
    };
    for entry in &found.data {
        for skill in &entry.skills {
            let SkillInfo { description, enabled, name, path, scope, plugin_id } = skill;
            let source = match (plugin_id, scope) {
                (Some(plugin), _) => plugin.as_str(),
                (None, SkillScope::Repo) => "project",
                (None, SkillScope::User) => "user",
            };
            let off = if *enabled { "" } else { ", not in use" };
            line(&format!("${name} ({source}{off})"), if *enabled { Role::Strong } else { Role::Quiet });
            line(&format!("  {description}"), Role::Plain);
            line(&format!("  {path}"), Role::Path);
        }
        if entry.skills.is_empty() {
            line("none; docs/skills.md says where they lie", Role::Quiet);
        }
        for error in &entry.errors {
            line(&format!("✗ {}: {}", error.path, error.message), Role::Bad);
        }
    }
    line("/skills off NAME takes one out of use, /skills on NAME back into it", Role::Quiet);
    Box::new(Pager::new("Skills", vec![PagerEntry::rows(rows)]))
}
