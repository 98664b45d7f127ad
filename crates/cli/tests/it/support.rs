//! A place to run the built program in: a home, a workspace and a scripted model.

use std::{
    fs::{self, File},
    io::Read,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use codex_testkit::{ModelServer, WATCHDOG, Wire};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FileType, Mode, OFlags},
    process::{Pid, PidfdFlags, pidfd_open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::Value;
use tempfile::TempDir;

/// Where places are laid out unless a test says otherwise. In the sandbox, what lies beside the workspace is not seen.
const ROOT: &str = "/var/tmp";

pub struct Place {
    _root: TempDir,
    pub home: PathBuf,
    pub workspace: PathBuf,
    pub server: ModelServer,
}

impl Place {
    /// `script` is what the model says; see [`codex_testkit::Script`].
    pub fn new(script: Value) -> Self {
        Self::below(Path::new(ROOT), script)
    }

    /// As [`Place::new`], with a model that is spoken to over `wire`.
    pub fn over(wire: Wire, script: Value) -> Self {
        let place = Self::new(script);
        let config = fs::read_to_string(place.home.join("config.toml")).unwrap();
        let config = config.replace("wire_api = \"responses\"", &format!("wire_api = \"{}\"", wire.name()));
        fs::write(place.home.join("config.toml"), config).unwrap();
        place
    }

    /// As [`Place::new`], in a directory of its own below `parent`.
    pub fn below(parent: &Path, script: Value) -> Self {
        let root = tempfile::Builder::new().prefix("codex-it-").tempdir_in(parent).unwrap();
        let server = ModelServer::from_json(script);
        let base = root.path().canonicalize().unwrap();
        let (home, workspace) = (base.join("home"), base.join("workspace"));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&workspace).unwrap();
        let url = server.base_url();
        let config = format!(
            "model = \"mock\"\nmodel_provider = \"mock\"\n[model_providers.mock]\nbase_url = \"{url}\"\nwire_api = \"responses\"\n"
        );
        fs::write(home.join("config.toml"), config).unwrap();
        Self { _root: root, home, workspace, server }
    }

    /// The program with `arguments`, in the workspace, with pipes for its output.
    pub fn codex(&self, arguments: &[&str]) -> Command {
        let mut command = codex(&self.home);
        command.args(arguments).current_dir(&self.workspace);
        command
    }

    /// What the first session has recorded as used, in order.
    pub fn usages(&self) -> Vec<serde_json::Value> {
        let lines = self.journals()[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>();
        lines.into_iter().filter(|line: &serde_json::Value| line["type"] == "usage").collect()
    }

    /// The text of all journals.
    pub fn journals(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories = vec![self.home.join("sessions")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { found.push(fs::read_to_string(path).unwrap()) }
            }
        }
        found
    }

    /// Makes a named pipe in the workspace: who opens one end waits for who opens the other.
    pub fn unopened_pipe(&self, name: &str) -> PathBuf {
        let path = self.workspace.join(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        path
    }

    /// Makes a named pipe in the workspace, and opens it for reading: who writes to it does not wait.
    pub fn pipe(&self, name: &str) -> File {
        let path = self.unopened_pipe(name);
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap().into()
    }
}

/// Waits until something was written to `pipe`; fails if `child` ends before.
pub fn wait_for(pipe: &File, child: &Child) {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let mut either = [PollFd::new(pipe, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
    poll(&mut either, None).unwrap();
    assert!(either[0].revents().contains(PollFlags::IN), "the program ended before its command had begun");
}

/// Waits until the process behind the descriptor is gone; fails if it stays.
pub fn wait_for_exit(process: &impl AsFd, what: &str) {
    let most = Timespec { tv_sec: WATCHDOG.as_secs().cast_signed(), tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&most)).unwrap();
    assert_eq!(ready, 1, "{what}: a process stays");
}

/// Reads `pipe` until nobody can write to it any more.
pub fn wait_for_end(mut pipe: File) {
    rustix::fs::fcntl_setfl(&pipe, OFlags::empty()).unwrap();
    pipe.read_to_end(&mut Vec::new()).unwrap();
}

/// The program with a clean environment and `home` as `CODEX_HOME`.
#[allow(clippy::disallowed_methods, reason = "the program under test is started by its test")]
pub fn codex(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codex"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("CODEX_HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A terminal: the side of whoever types, and the one of the program. The first must stay open.
pub fn terminal() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (controller.into(), terminal.into())
}

/// JSON lines, parsed.
pub fn events(stdout: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(stdout.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

const DOMAINS: &str = "commands have no network of their own that a proxy could be the way out of";
const NETWORK: &str = "commands have no network of their own: they make no sockets of IP at all";
const SURROUNDINGS: &str = "other surroundings cannot be made with unshare(1)";
const LIMITS: &str = "the limits are those of the outer sandbox";
const USERS: &str = "it is about other users, and only one exists";
const TEMP: &str = "commands have no /tmp of their own: TMPDIR leads to it";
const WORDS: &str = "what is out of reach is refused in other words";
const HELD: &str = "an attack must get out without a sandbox first, and here none does";
const SUPERVISOR: &str = "without namespaces what supervises a command outlives the helper, and tells how it ended";
const PROCESSES: &str = "names and arguments of other processes can be seen";
const INDEX: &str = "it installs a tool from a package index, and there is no network";
const MOUNTS: &str = "no mount refuses or hides: it is Landlock that does, or what was written is put back";

/// The tests that cannot do in a sandbox of ours what they do elsewhere, and why. All others, those that start
/// commands in a sandbox among them, run there on what is left: Landlock and seccomp. Sorted.
const NOT_INSIDE: &[(&str, &str)] = &[
    ("agent_attacks::d48_settings_are_written_neither_by_command_nor_by_patch", MOUNTS),
    ("agents::two_edit_the_same_file_at_once_in_worktrees_and_what_is_taken_over_is_chosen", TEMP),
    ("approvals::a_command_that_missed_the_network_may_run_once_more_with_it", NETWORK),
    ("approvals::uncovers::a_yes_takes_away_the_covers_that_git_needs_and_leaves_nothing_half_done", MOUNTS),
    ("approvals::uncovers::names_that_come_stay_and_folders_are_uncovered_as_a_whole", MOUNTS),
    ("approvals::weaker_walls::weaker_walls_are_asked_about_once_a_session", SURROUNDINGS),
    ("approvals::where_nobody_is_asked_the_model_is_told_of_the_network", NETWORK),
    ("approvals::writes::a_command_that_missed_a_directory_may_run_once_more_and_write_there", MOUNTS),
    ("approvals::writes::a_directory_is_not_asked_about_again_after_a_no", MOUNTS),
    ("approvals::writes::a_directory_that_leads_elsewhere_after_the_question_is_not_opened", MOUNTS),
    ("approvals::writes::what_is_protected_and_what_succeeded_is_not_asked_about", MOUNTS),
    ("approvals::writes::where_nobody_can_be_asked_the_model_is_told_what_was_refused", MOUNTS),
    ("attacks::attacks_are_contained_but_for_those_that_are_known", HELD),
    ("attacks::weaker_rungs_let_through_what_they_are_known_for", SURROUNDINGS),
    ("attacks::what_people_do_works_inside", TEMP),
    ("endings::our_own_home_is_protected_even_inside_the_workspace", TEMP),
    ("endings::patches_and_commands_share_tmp_also_when_our_home_is_a_link", TEMP),
    ("far_hosts::commands_reach_the_far_domains_that_are_allowed", SURROUNDINGS),
    ("far_hosts::links_that_only_the_proxy_can_look_up_are_refused", SURROUNDINGS),
    ("far_hosts::pages_are_read_through_a_far_proxy", SURROUNDINGS),
    ("far_hosts::pages_of_far_hosts_are_read_and_none_leads_home", SURROUNDINGS),
    ("far_hosts::with_oss_no_far_engine_is_asked", SURROUNDINGS),
    ("guide::flags::s15_build_caches_are_written_for_the_session_only", MOUNTS),
    ("guide::flags::s15_workspace_write_writes_in_the_project_and_nowhere_else", TEMP),
    ("guide::permissions::s42_programs_of_a_denied_class_are_not_run_by_other_programs_either", MOUNTS),
    ("guide::reviews::s49_changes_and_failing_tests_are_looked_at_and_everything_stays_as_it_is", MOUNTS),
    ("guide::secrets::s15_before_the_first_commit_everything_is_hidden", MOUNTS),
    ("guide::secrets::s15_secrets_are_hidden_from_commands_and_tools", MOUNTS),
    ("guide::secrets::s15_what_is_hidden_can_be_shown_and_more_can_be_hidden", MOUNTS),
    ("guide::secrets::s15_where_a_session_starts_opens_nothing_around_it", MOUNTS),
    ("ignore_files::a_review_leaves_out_what_is_named", MOUNTS),
    ("ignore_files::a_sub_agent_in_a_worktree_is_held_to_the_ignore_file_of_its_parent", MOUNTS),
    ("ignore_files::git_overlooks_what_is_untracked_and_named", MOUNTS),
    ("ignore_files::git_shows_no_object_whose_path_it_is_not_told", MOUNTS),
    ("ignore_files::git_takes_what_is_tracked_and_named_for_unchanged", MOUNTS),
    ("ignore_files::it_is_looked_at_anew_in_each_turn", MOUNTS),
    ("ignore_files::other_names_are_heeded_where_the_configuration_says_so_and_a_project_may", MOUNTS),
    ("ignore_files::what_an_ignore_file_names_is_kept_from_tools_and_commands", MOUNTS),
    ("linters::ruff_formats_what_was_edited_and_says_what_is_wrong_in_each_of_its_formats", INDEX),
    ("login::a_kept_key_is_hidden_from_commands_and_tools", MOUNTS),
    ("login::headers_in_the_users_file_are_hidden_from_commands", MOUNTS),
    ("mcp_elicitation::a_real_servers_form_is_filled_in_on_the_screen", NETWORK),
    ("mcp_real::a_login_lasts_is_renewed_once_and_ends", NETWORK),
    ("mcp_real::a_person_logs_in_from_the_screen", NETWORK),
    ("mcp_real::a_server_says_what_it_offers_over_either_transport", NETWORK),
    ("mcp_real::a_server_that_has_taken_its_token_back_is_logged_in_to_again", NETWORK),
    ("mcp_real::texts_pictures_and_progress_come_over_either_transport", NETWORK),
    ("mcp_real::the_server_of_files_works_where_the_settings_let_it", NETWORK),
    ("mcp_servers::a_server_has_the_walls_of_commands_and_a_place_of_its_own", PROCESSES),
    ("new_repositories::a_clone_into_an_empty_folder_is_whole_after_a_yes", MOUNTS),
    ("new_repositories::a_yes_puts_it_back_and_from_then_on_it_is_protected", MOUNTS),
    ("new_repositories::codex_sandbox_takes_it_out_of_use_when_its_helper_is_killed", SUPERVISOR),
    ("new_repositories::git_init_in_an_empty_folder_asks_nothing", MOUNTS),
    ("proxy::a_cell_brings_its_own_listening_socket", DOMAINS),
    ("proxy::a_proxy_that_nobody_serves_is_refused", DOMAINS),
    ("proxy::everything_else_is_refused_and_told", DOMAINS),
    ("proxy::named_domains_are_reached_by_every_protocol", DOMAINS),
    ("proxy::servers_inside_the_cell_are_reached_without_the_proxy", DOMAINS),
    ("proxy::settings::codex_sandbox_reaches_allowed_domains_only", DOMAINS),
    ("proxy::settings::the_model_is_told_what_it_may_reach_and_what_was_refused", DOMAINS),
    ("proxy::settings::the_users_own_proxy_is_said_to_be_unused", DOMAINS),
    ("proxy::the_proxy_ends_with_the_session", DOMAINS),
    ("proxy::there_is_no_other_way_out", DOMAINS),
    ("remote::sessions::commands_cannot_read_a_token_of_the_users_own_making", MOUNTS),
    ("remote::sessions::no_command_reaches_the_socket", WORDS),
    ("review::an_interrupt_ends_it_and_the_thread_goes_on", MOUNTS),
    ("review::the_settings_say_what_runs_the_tests", MOUNTS),
    ("review::where_nothing_can_be_thrown_away_what_the_tests_changed_is_put_back", SURROUNDINGS),
    ("review::without_walls_a_review_still_leaves_everything_as_it_is", MOUNTS),
    ("sandbox::a_server_is_reachable_in_its_cell_and_nowhere_else", NETWORK),
    ("sandbox::caches::a_cache_that_takes_no_overlay_is_read_only", MOUNTS),
    ("sandbox::caches::a_cache_with_a_mount_in_it_is_read_only", MOUNTS),
    ("sandbox::caches::cells_do_not_share_what_is_written", MOUNTS),
    ("sandbox::caches::files_with_rights_have_none", MOUNTS),
    ("sandbox::caches::what_a_killed_session_wrote_is_swept", MOUNTS),
    ("sandbox::caches::what_is_hidden_in_a_cache_stays_hidden", MOUNTS),
    ("sandbox::caches::what_is_written_stays_in_the_session", MOUNTS),
    ("sandbox::forked::it_keeps_neither_arguments_nor_environment", SURROUNDINGS),
    ("sandbox::forked::it_sees_the_command_through_itself", SURROUNDINGS),
    ("sandbox::forked::where_the_network_is_the_hosts_another_is_started", NETWORK),
    ("sandbox::hidden::denied_programs_cannot_be_run_by_anybody", MOUNTS),
    ("sandbox::hidden::git_neither_fails_on_what_is_hidden_nor_takes_it", MOUNTS),
    ("sandbox::hidden::git_takes_what_it_tracks_and_is_hidden_for_unchanged", MOUNTS),
    ("sandbox::hidden::what_is_hidden_is_empty_under_every_name", MOUNTS),
    ("sandbox::hidden::what_is_hidden_stays_so_when_it_is_saved_anew", MOUNTS),
    ("sandbox::hidden::what_is_hidden_stays_where_it_is", MOUNTS),
    ("sandbox::limits::a_fork_bomb_is_held_and_ends_with_its_command", LIMITS),
    ("sandbox::limits::a_way_out_that_was_tried_is_noticed", NETWORK),
    ("sandbox::limits::nobody_looks_into_the_program_itself", USERS),
    ("sandbox::limits::root_writes_in_a_directory_of_another_user", USERS),
    ("sandbox::limits::the_limits_hold_an_ordinary_user_too", USERS),
    ("sandbox::limits::what_commands_may_take_is_limited", LIMITS),
    ("sandbox::memory::a_session_leaves_a_part_of_the_memory_to_others", SURROUNDINGS),
    ("sandbox::memory::groups_go_when_their_helpers_have_ended", SURROUNDINGS),
    ("sandbox::memory::memory_that_runs_out_ends_the_command_alone", SURROUNDINGS),
    ("sandbox::memory::the_group_of_a_killed_session_is_swept", SURROUNDINGS),
    ("sandbox::mounts::a_root_may_have_two_names", SURROUNDINGS),
    ("sandbox::mounts::a_workspace_may_be_any_kind_of_mount", SURROUNDINGS),
    ("sandbox::mounts::a_workspace_may_be_mounted_read_only", SURROUNDINGS),
    ("sandbox::mounts::a_workspace_may_be_on_btrfs", SURROUNDINGS),
    ("sandbox::mounts::mounts_below_a_workspace_stay_what_they_are", SURROUNDINGS),
    ("sandbox::mounts::the_lower_directory_of_an_overlay_stays_as_it_is", SURROUNDINGS),
    ("sandbox::nothing_holds::one_of_the_two_is_enough", SURROUNDINGS),
    ("sandbox::nothing_holds::where_nothing_holds_no_command_runs", SURROUNDINGS),
    ("sandbox::nothing_holds::where_nothing_holds_the_agent_runs_no_command", SURROUNDINGS),
    ("sandbox::planning::the_kernel_refuses_every_write_of_plan_mode_and_lets_it_again_after", MOUNTS),
    ("sandbox::read_only::a_file_in_the_way_of_a_protected_path_is_protected", MOUNTS),
    ("sandbox::read_only::a_pipe_in_a_private_place_takes_no_writes_where_that_is_read_only", TEMP),
    ("sandbox::refused_writes::a_write_that_the_walls_refuse_is_noticed_with_its_real_path", MOUNTS),
    ("sandbox::refused_writes::codex_sandbox_says_once_what_it_refused_and_how_that_is_allowed", MOUNTS),
    ("sandbox::refused_writes::what_is_protected_in_the_workspace_is_noticed_too", MOUNTS),
    ("sandbox::repositories::a_planted_git_file_opens_nothing", MOUNTS),
    ("sandbox::repositories::git_works_wherever_the_workspace_lies_in_a_repository", MOUNTS),
    ("sandbox::repositories::what_steers_git_is_not_written_anywhere", MOUNTS),
    ("sandbox::roots::a_root_may_be_a_mount", MOUNTS),
    ("sandbox::roots::a_root_may_have_any_name", MOUNTS),
    ("sandbox::roots::a_workspace_below_tmp_stays_where_it_is", TEMP),
    ("sandbox::roots::home_may_be_the_workspace", MOUNTS),
    ("sandbox::roots::roots_may_lie_in_one_another", MOUNTS),
    ("sandbox::roots::what_becomes_protected_later_is_protected_for_the_next_command", MOUNTS),
    ("sandbox::rungs::the_program_says_what_holds", SURROUNDINGS),
    ("sandbox::rungs::what_is_remembered_is_no_reason_to_run_with_less", SURROUNDINGS),
    ("sandbox::rungs::without_a_fresh_proc_the_other_walls_hold", SURROUNDINGS),
    ("sandbox::rungs::without_namespaces_landlock_and_seccomp_hold", SURROUNDINGS),
    ("sandbox::streams::the_environment_is_what_was_given", TEMP),
    ("sandbox::stubs::a_planted_link_is_moved_aside", MOUNTS),
    ("sandbox::stubs::a_protected_name_that_does_not_exist_cannot_be_made", MOUNTS),
    ("sandbox::stubs::an_empty_workspace_gets_no_stubs", MOUNTS),
    ("sandbox::stubs::git_overlooks_stubs", MOUNTS),
    ("sandbox::stubs::instructions_may_be_links_and_are_not_written", MOUNTS),
    ("sandbox::stubs::links_further_below_stay_what_they_are", MOUNTS),
    ("sandbox::stubs::stubs_go_when_the_program_is_killed", MOUNTS),
    ("sandbox::stubs::stubs_of_a_killed_helper_are_swept", MOUNTS),
    ("sandbox::stubs::stubs_stay_as_long_as_some_cell_needs_them", MOUNTS),
    ("sandbox::stubs::what_comes_to_exist_without_a_stub_is_moved_aside", MOUNTS),
    ("sandbox::stubs::what_leads_a_git_directory_elsewhere_is_moved_aside", MOUNTS),
    ("sandbox::temp_is_the_hosts_directory_and_nothing_else", TEMP),
    ("sandbox::the_hosts_local_sockets_are_out_of_reach", WORDS),
    ("sandbox::the_parent_is_out_of_reach", WORDS),
    ("sandbox::thrown_away::what_is_written_is_seen_and_never_there", MOUNTS),
    ("sandbox::thrown_away::what_the_user_changes_meanwhile_stays", MOUNTS),
    ("sandbox::walls_as_they_are_asked_for", MOUNTS),
    ("sandbox::walls_of_a_writable_workspace", MOUNTS),
    ("sandbox::what_holds_is_found_out_by_trying", SURROUNDINGS),
];

/// Where a sandbox of ours leaves its mark.
const MARK: &str = "/run/codex-sandbox";

/// Whether a test is left out because it runs in a sandbox of ours. `here` is the path of something inside it.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
pub fn is_left_out(here: &str) -> bool {
    let name = here.trim_start_matches("it::").trim_end_matches("::here").trim_end_matches("::{{closure}}");
    let Some((_, why)) = NOT_INSIDE.iter().find(|(listed, _)| *listed == name) else { panic!("{name} is not listed") };
    let inside = Path::new(MARK).exists();
    if inside {
        eprintln!("left out: {why}");
    }
    inside
}

/// To begin a test of [`NOT_INSIDE`] with.
macro_rules! not_inside_another_sandbox {
    () => {
        fn here() {}
        if crate::support::is_left_out(std::any::type_name_of_val(&here)) {
            return;
        }
    };
}
#[test]
fn tests_that_are_left_out_are_sorted() {
    assert!(NOT_INSIDE.is_sorted());
}
