//! The language servers that are started without being configured, where they are on `PATH`.

/// What is known of a language server.
#[derive(Debug, Clone, Copy)]
pub struct KnownServer {
    /// Its name in settings.
    pub name: &'static str,
    /// Program and arguments.
    pub command: &'static [&'static str],
    /// Names of files that it is for.
    pub files: &'static [&'static str],
    /// Names of files, one of which stands in the root of a project.
    pub root_markers: &'static [&'static str],
    /// What it is told at its start, as JSON; empty for nothing. [`PRIVATE`] in it is the directory that it may write.
    pub options: &'static str,
    /// Variables that it is started with, where [`PRIVATE`] is that directory too: caches that it would not begin to work without.
    pub environment: &'static [(&'static str, &'static str)],
}

/// Stands for the directory that a server may write.
pub(super) const PRIVATE: &str = "{private}";

const PYTHON: &[&str] = &["*.py", "*.pyi"];
const PYTHON_ROOTS: &[&str] = &["pyproject.toml", "pyrightconfig.json", "setup.py", "setup.cfg", "requirements.txt"];

/// All of them. Of two for the same files the first that is found is used.
pub const KNOWN: &[KnownServer] = &[
    KnownServer {
        name: "rust-analyzer",
        command: &["rust-analyzer"],
        files: &["*.rs"],
        root_markers: &["Cargo.toml", "rust-project.json"],
        // It may write nothing but a private place, and there is no network: cargo would try for half a minute to reach it.
        options: r#"{"cargo":{"targetDir":"{private}/rust-analyzer","extraEnv":{"CARGO_NET_OFFLINE":"true"}},"cachePriming":{"enable":false},"checkOnSave":true}"#,
        environment: &[],
    },
    KnownServer {
        name: "basedpyright",
        command: &["basedpyright-langserver", "--stdio"],
        files: PYTHON,
        root_markers: PYTHON_ROOTS,
        options: "",
        environment: &[],
    },
    KnownServer {
        name: "pyright",
        command: &["pyright-langserver", "--stdio"],
        files: PYTHON,
        root_markers: PYTHON_ROOTS,
        options: "",
        environment: &[],
    },
    KnownServer {
        name: "typescript-language-server",
        command: &["typescript-language-server", "--stdio"],
        files: &["*.ts", "*.tsx", "*.mts", "*.cts", "*.js", "*.jsx", "*.mjs", "*.cjs"],
        root_markers: &["tsconfig.json", "jsconfig.json", "package.json"],
        options: "",
        environment: &[],
    },
    KnownServer {
        name: "gopls",
        command: &["gopls"],
        files: &["*.go"],
        root_markers: &["go.mod", "go.work"],
        options: "",
        environment: &[("XDG_CACHE_HOME", "{private}/cache"), ("GOCACHE", "{private}/cache/go-build")],
    },
    KnownServer {
        name: "clangd",
        command: &["clangd", "--background-index=false"],
        files: &["*.c", "*.h", "*.cc", "*.cpp", "*.cxx", "*.hh", "*.hpp", "*.hxx"],
        root_markers: &["compile_commands.json", "compile_flags.txt", ".clangd"],
        options: "",
        environment: &[],
    },
];
