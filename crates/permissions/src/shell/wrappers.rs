//! Programs that run another one, which their arguments name: where it begins.

/// How the words after the name of a wrapper are read.
#[derive(Debug)]
pub(super) struct Wrapper {
    /// Its name, without directories.
    pub(super) name: &'static str,
    /// Letters of its short options that take a value.
    values: &'static str,
    /// Its long options that take their value as a word of its own, without the two dashes.
    long_values: &'static [&'static str],
    /// How many words stand between its options and the program.
    skip: usize,
}

const fn wrapper(
    name: &'static str,
    values: &'static str,
    long_values: &'static [&'static str],
    skip: usize,
) -> Wrapper {
    Wrapper { name, values, long_values, skip }
}

/// Sorted by name. Sources: the manual page of each, section 1 or 8; bash(1), SHELL BUILTIN COMMANDS.
const WRAPPERS: &[Wrapper] = &[
    wrapper("arch", "", &[], 0),
    wrapper("builtin", "", &[], 0),
    wrapper("bundle", "", &[], 1),
    wrapper("busybox", "", &[], 0),
    wrapper("caffeinate", "tw", &[], 0),
    wrapper("catchsegv", "", &[], 0),
    wrapper("cgexec", "g", &[], 0),
    wrapper("choom", "np", &["adjust", "pid"], 0),
    wrapper("chroot", "", &[], 1),
    wrapper("chrt", "TPD", &["sched-runtime", "sched-period", "sched-deadline"], 1),
    wrapper("chronic", "", &[], 0),
    wrapper("command", "", &[], 0),
    wrapper("coproc", "", &[], 0),
    wrapper("dbus-run-session", "", &["config-file", "dbus-daemon"], 0),
    wrapper("doas", "uC", &[], 0),
    wrapper("env", "uCS", &["unset", "chdir", "split-string", "argv0"], 0),
    wrapper("exec", "a", &[], 0),
    wrapper("fakeroot", "lsib", &["lib", "faked"], 0),
    wrapper("firejail", "", &[], 0),
    wrapper("flock", "wE", &["timeout", "wait", "conflict-exit-code"], 1),
    wrapper("gosu", "", &[], 1),
    wrapper("ionice", "cnpPu", &["class", "classdata", "pid", "pgid", "uid"], 0),
    wrapper("ltrace", "abeFlnopsuwAxX", &["output"], 0),
    wrapper("mise", "", &[], 1),
    wrapper("nice", "n", &["adjustment"], 0),
    wrapper("nocorrect", "", &[], 0),
    wrapper("noglob", "", &[], 0),
    wrapper("nohup", "", &[], 0),
    wrapper("npx", "pc", &["package", "call"], 0),
    wrapper("nsenter", "tSG", &["target", "setuid", "setgid"], 0),
    wrapper("numactl", "iPpCmNlS", &["interleave", "cpunodebind", "physcpubind", "membind"], 0),
    wrapper("pipenv", "", &[], 1),
    wrapper("pkexec", "", &["user"], 0),
    wrapper("poetry", "", &[], 1),
    wrapper("prlimit", "po", &["pid", "output"], 0),
    wrapper("proxychains4", "f", &[], 0),
    wrapper("rlwrap", "", &[], 0),
    wrapper("run-parts", "", &[], 0),
    wrapper("runuser", "ugGs", &["user", "group", "supp-group", "shell"], 0),
    wrapper("screen", "cehpsStT", &[], 0),
    wrapper("setarch", "", &[], 0),
    wrapper("setpriv", "", &["reuid", "regid", "groups", "bounding-set", "ambient-caps", "inh-caps"], 0),
    wrapper("setsid", "", &[], 0),
    wrapper("sg", "c", &[], 1),
    wrapper("softlimit", "acdflmoprst", &[], 0),
    wrapper("start-stop-daemon", "xnpucgrda", &["exec", "name", "pidfile", "chuid", "chdir"], 0),
    wrapper("stdbuf", "ioe", &["input", "output", "error"], 0),
    wrapper("strace", "abeIopsuEOPSUX", &["output", "trace", "attach", "user"], 0),
    wrapper("su-exec", "", &[], 1),
    wrapper("sudo", "uUgpChRrtTD", &["user", "group", "prompt", "chdir", "host", "chroot", "role", "type"], 0),
    wrapper("systemd-inhibit", "", &["what", "who", "why", "mode"], 0),
    wrapper("systemd-run", "pupEMH", &["unit", "property", "setenv", "uid", "gid", "slice", "description"], 0),
    wrapper("taskset", "", &[], 1),
    wrapper("time", "fo", &["format", "output"], 0),
    wrapper("timeout", "sk", &["signal", "kill-after"], 1),
    wrapper("toybox", "", &[], 0),
    wrapper("torsocks", "uap", &[], 0),
    wrapper("trickle", "duwtls", &[], 0),
    wrapper("unbuffer", "", &[], 0),
    wrapper("unshare", "RwSG", &["root", "wd", "setuid", "setgid"], 0),
    wrapper("uv", "", &[], 1),
    wrapper("valgrind", "", &[], 0),
    wrapper("winpty", "", &[], 0),
    wrapper("xargs", "aEIdLnPs", &["arg-file", "delimiter", "max-args", "max-procs", "max-chars", "replace"], 0),
    wrapper("xvfb-run", "enfps", &["error-file", "server-num", "auth-file", "server-args"], 0),
];

/// The wrapper of this name.
pub(super) fn find(name: &str) -> Option<&'static Wrapper> {
    WRAPPERS.iter().find(|wrapper| wrapper.name == name)
}

impl Wrapper {
    /// What of `arguments` comes after its options, and after assignments to variables: the program and its arguments.
    pub(super) fn rest<'a>(&self, arguments: &'a [String]) -> &'a [String] {
        let mut at = self.options(arguments);
        at += self.skip;
        // `uv run -- PROGRAM`.
        while self.skip > 0 && arguments.get(at).is_some_and(|word| word.starts_with('-')) {
            at += 1;
        }
        let is_assignment = |word: &String| word.split_once('=').is_some_and(|(name, _)| super::is_name(name));
        while arguments.get(at).is_some_and(is_assignment) {
            at += 1;
        }
        arguments.get(at..).unwrap_or_default()
    }

    /// How many words its options are, with their values.
    pub(super) fn options(&self, arguments: &[String]) -> usize {
        let mut at = 0;
        while let Some(word) = arguments.get(at) {
            if word == "--" {
                return at + 1;
            }
            let Some(option) = word.strip_prefix('-') else { return at };
            let value_follows = match option.strip_prefix('-') {
                Some(long) => self.long_values.contains(&long),
                // A letter that takes a value takes the rest of the word, if there is one.
                None => option.find(|letter| self.values.contains(letter)).is_some_and(|at| at + 1 == option.len()),
            };
            at += 1 + usize::from(value_follows);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_program_begins() {
        let table = [
            ("env -i -- A=1 B=2 rm x", "rm x"),
            ("env -u A rm x", "rm x"),
            ("timeout -k 5 --signal KILL 10 rm x", "rm x"),
            ("timeout -k5 10s rm x", "rm x"),
            ("nice -n 5 rm", "rm"),
            ("nice -5 rm", "rm"),
            ("sudo -u root -E A=1 rm x", "rm x"),
            ("xargs -0 -I{} -P 4 rm {}", "rm {}"),
            ("stdbuf -oL rm", "rm"),
            ("uv run -- rm x", "rm x"),
            ("timeout", ""),
        ];
        for (line, expected) in table {
            let words = shlex::split(line).unwrap();
            assert_eq!(find(&words[0]).unwrap().rest(&words[1..]).join(" "), expected, "{line}");
        }
    }
}
