//! Skills: where they are looked for, which are in use, and what the model reads of one that the user names.

use std::path::{Path, PathBuf};

use codex_agent::{Part, Spoken};
use codex_config::{Edit, Environment, Settings, SettingsFile, project_directories};
use codex_extensions::{
    Place, Source,
    skills::{self, Skill, Skills},
};
use codex_protocol::{
    ErrorKind, RpcError, SkillError, SkillInfo, SkillScope, SkillsConfigWriteParams, SkillsConfigWriteResult,
    SkillsListEntry, SkillsListParams, SkillsListResult, ThreadStartParams, UserInput,
};
use codex_workspace::Bounds;

use crate::{
    Kept, Server,
    build::{self, configuration},
    plugins::{self, InUse},
    reading::blocking,
};

/// Where a project keeps them, the first before the others.
const OF_PROJECTS: &[&str] = &[".codex/skills", ".agents/skills", ".claude/skills"];
/// Where a user keeps them besides, below the home directory.
const OF_USERS: &[&str] = &[".agents/skills", ".claude/skills"];

/// The skills of whoever works in `workspace`, in a project with these bounds, last those of `plugins`. Where there are none,
/// this is a few looks at directories.
pub(crate) fn skills(
    environment: &Environment,
    (codex_home, workspace): (&Path, &Path),
    bounds: &Bounds,
    settings: &Settings,
    plugins: &InUse,
) -> Skills {
    let home = environment.home().into_iter().flat_map(|home| OF_USERS.iter().map(move |place| home.join(place)));
    let users: Vec<PathBuf> = std::iter::once(codex_home.join("skills")).chain(home).collect();
    let projects = project_directories(&bounds.top, workspace, OF_PROJECTS).into_iter();
    let projects = projects.filter(|directory| !users.contains(directory));
    let projects = projects.map(|directory| Source::project(directory, bounds));
    let users = users.iter().cloned().map(Source::user);
    let sources: Vec<Source> = projects.chain(users).chain(plugins.sources(|parts| &parts.skills)).collect();
    skills::load(&sources, &settings.skills_disabled)
}

impl Server {
    pub(crate) async fn list_skills(&self, params: SkillsListParams) -> Result<SkillsListResult, RpcError> {
        let (environment, codex_home) = (self.environment.clone(), self.codex_home()?);
        let here = if params.cwds.is_empty() { vec![".".to_owned()] } else { params.cwds };
        blocking(move || {
            let entries = here.into_iter().map(|cwd| entry(&environment, &codex_home, cwd));
            Ok(SkillsListResult { data: entries.collect::<Result<_, _>>()? })
        })
        .await
    }

    pub(crate) async fn write_skill(
        &self,
        params: SkillsConfigWriteParams,
    ) -> Result<SkillsConfigWriteResult, RpcError> {
        if self.ceiling.is_some() {
            return Err(configuration("which skills are in use is for whoever starts the server to say"));
        }
        let SkillsConfigWriteParams { enabled, name, path } = params;
        let path =
            path.map(|path| if path.ends_with(skills::FILE) { path } else { format!("{path}/{}", skills::FILE) });
        let Some(wanted) = name.or(path) else {
            return Err(configuration("skills/config/write: `name` or `path` says which skill is meant"));
        };
        let (environment, codex_home) = (self.environment.clone(), self.codex_home()?);
        blocking(move || {
            let settings =
                build::settings(&environment, ThreadStartParams { cwd: Some("/".into()), ..Default::default() })?;
            let mut disabled = settings.settings.skills_disabled;
            disabled.retain(|name| *name != wanted);
            if !enabled {
                disabled.push(wanted);
            }
            let value = serde_json::json!(disabled).to_string();
            let file = SettingsFile::user(&codex_home, environment.home());
            let edit = Edit { profile: None, key: "skills.disabled", value: Some(&value) };
            codex_config::edit(&file, &edit).map_err(|error| configuration(&error.to_string()))?;
            Ok(SkillsConfigWriteResult { effective_enabled: enabled })
        })
        .await
    }

    /// Adds what the model reads of the skills that are named in `spoken`.
    pub(crate) async fn with_skills(&self, kept: &Kept, spoken: Vec<Spoken>) -> Result<Vec<Spoken>, RpcError> {
        let may_name = |spoken: &Spoken| match &spoken.shown {
            UserInput::Text { text } => text.contains('$'),
            UserInput::Skill { .. } => true,
            _ => false,
        };
        if !spoken.iter().any(may_name) {
            return Ok(spoken);
        }
        let Some(skills) = kept.thread.standing().plugged.skills else {
            return match spoken.iter().find(|it| matches!(it.shown, UserInput::Skill { .. })) {
                Some(missing) => Err(no_skill(&missing.shown)),
                None => Ok(spoken),
            };
        };
        blocking(move || spoken.into_iter().map(|spoken| read(spoken, &skills)).collect()).await
    }
}

fn entry(environment: &Environment, codex_home: &Path, cwd: String) -> Result<SkillsListEntry, RpcError> {
    let params = ThreadStartParams { cwd: Some(cwd.clone()), ..ThreadStartParams::default() };
    let settings = build::settings(environment, params)?.settings;
    let workspace = Path::new(&cwd).canonicalize().map_err(|error| configuration(&format!("{cwd}: {error}")))?;
    let bounds = Bounds::from(&build::project(environment, &workspace));
    let plugins = plugins::in_use(codex_home, &settings.plugins);
    let Skills { all, faults } = skills(environment, (codex_home, &workspace), &bounds, &settings, &plugins);
    let fault =
        |fault: skills::SkillFault| SkillError { message: fault.message, path: fault.path.display().to_string() };
    Ok(SkillsListEntry {
        cwd,
        errors: faults.into_iter().map(fault).collect(),
        skills: all.into_iter().map(info).collect(),
    })
}

fn info(skill: Skill) -> SkillInfo {
    let (scope, plugin_id) = match skill.place {
        Place::Project => (SkillScope::Repo, None),
        Place::User => (SkillScope::User, None),
        Place::Plugin(name) => (SkillScope::User, Some(name)),
    };
    let Skill { name, description, enabled, path, .. } = skill;
    SkillInfo { description, enabled, name, path: path.display().to_string(), scope, plugin_id }
}

fn no_skill(wanted: &UserInput) -> RpcError {
    let wanted = wanted.typed().unwrap_or_default();
    RpcError::new(ErrorKind::NotFound, format!("there is no skill `{wanted}` in use here; /skills lists them"))
}

fn read(spoken: Spoken, skills: &Skills) -> Result<Spoken, RpcError> {
    let found: Vec<&Skill> = match &spoken.shown {
        UserInput::Text { text } => skills.mentioned(text),
        shown @ UserInput::Skill { name, path } => {
            let is_meant = |skill: &&Skill| skill.name == *name || (!path.is_empty() && skill.path == Path::new(path));
            vec![skills.enabled().find(is_meant).ok_or_else(|| no_skill(shown))?]
        }
        _ => Vec::new(),
    };
    if found.is_empty() {
        return Ok(spoken);
    }
    let typed = spoken.shown.typed().unwrap_or_default().into_owned();
    let mut parts = vec![Part::text(typed)];
    for skill in found {
        parts.push(Part::Apart(skill.read().map_err(|why| configuration(&why))?));
    }
    Ok(Spoken { read: Some(parts), ..spoken })
}
