//! The table of languages: what each differs in.

/// A language.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// Its names, and the endings of its files.
    pub names: &'static [&'static str],
    /// In which manner it is read.
    pub kind: Kind,
    /// What begins a comment that ends with the line.
    pub comments: &'static [&'static str],
    /// What begins and ends a comment.
    pub block: Option<(&'static str, &'static str)>,
    /// Quotation marks, the longer ones first.
    pub quotes: &'static [Quote],
    /// Words of the language, with blanks between them; so in what follows.
    pub keywords: &'static str,
    /// Words that are values.
    pub constants: &'static str,
    /// Words that are types.
    pub types: &'static str,
    /// Characters of words besides letters, digits and `_`.
    pub letters: &'static str,
    /// What stands behind the name of a value.
    pub keys: &'static [char],
    /// Whether comments may stand in comments.
    pub nests: bool,
    /// Whether capitals and small letters are the same in its words.
    pub any_case: bool,
    /// Whether a word before `(` is a function.
    pub calls: bool,
    /// Whether a word with a capital is a type.
    pub capitals: bool,
}

/// In which manner a language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words, text, numbers.
    Code,
    /// Commands and their arguments.
    Shell,
    /// Tags in text.
    Markup,
    /// Names and values, with sections in brackets.
    Sections,
    /// Lines by their first character.
    Diff,
}

/// Quotation marks.
#[derive(Debug, PartialEq, Eq)]
pub struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// Whether a backslash takes its meaning from what follows.
    pub escapes: bool,
    /// Whether the text goes on in the next line.
    pub lines: bool,
    /// Whether it is about one character, so that there may also be something else behind it.
    pub is_character: bool,
}

const fn quote(mark: &'static str) -> Quote {
    Quote { open: mark, close: mark, escapes: true, lines: false, is_character: false }
}

const fn lines(mark: &'static str) -> Quote {
    Quote { lines: true, ..quote(mark) }
}

const fn raw(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: false, lines: true, is_character: false }
}

const SINGLE: Quote = quote("'");
const DOUBLE: Quote = quote("\"");
const CHARACTER: Quote = Quote { is_character: true, ..SINGLE };

const CODE: Language = Language {
    names: &[],
    kind: Kind::Code,
    comments: &["//"],
    block: Some(("/*", "*/")),
    quotes: &[DOUBLE, SINGLE],
    keywords: "",
    constants: "true false null",
    types: "",
    letters: "",
    keys: &[],
    nests: false,
    any_case: false,
    calls: true,
    capitals: true,
};

/// Data: no calls, no types.
const DATA: Language = Language { comments: &["#"], block: None, calls: false, capitals: false, letters: "-.", ..CODE };

/// All languages.
pub static LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        nests: true,
        quotes: &[
            raw("r##\"", "\"##"),
            raw("r#\"", "\"#"),
            raw("br\"", "\""),
            raw("r\"", "\""),
            lines("\""),
            CHARACTER,
        ],
        keywords: "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move \
            mut pub ref return self static struct super trait type union unsafe use where while yield",
        constants: "true false None",
        types: "bool char f32 f64 i128 i16 i32 i64 i8 isize str u128 u16 u32 u64 u8 usize",
        ..CODE
    },
    Language {
        names: &["python", "py", "python3", "pyi", "starlark", "bzl"],
        comments: &["#"],
        block: None,
        quotes: &[lines("\"\"\""), lines("'''"), raw("r\"", "\""), raw("r'", "'"), DOUBLE, SINGLE],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global if \
            import in is lambda match nonlocal not or pass raise return try while with yield",
        constants: "True False None self",
        ..CODE
    },
    Language {
        names: &["javascript", "js", "mjs", "cjs", "jsx", "typescript", "ts", "tsx", "mts", "node"],
        quotes: &[lines("`"), DOUBLE, SINGLE],
        letters: "$",
        keywords: "abstract as async await break case catch class const continue debugger declare default delete do else \
            enum export extends finally for from function get if implements import in instanceof interface keyof let \
            namespace new of private protected public readonly return satisfies set static super switch this throw \
            try type typeof var void while with yield",
        constants: "true false null undefined NaN",
        types: "any bigint boolean never number object string symbol unknown",
        ..CODE
    },
    Language {
        names: &["bash", "sh", "shell", "zsh", "fish", "ksh", "console", "shell-session", "shellsession"],
        kind: Kind::Shell,
        comments: &["#"],
        block: None,
        quotes: &[lines("\""), raw("'", "'")],
        letters: "-./+@:~",
        keywords: "case do done elif else esac export fi for function if in local return select then time until while",
        ..CODE
    },
    Language {
        names: &["c", "h", "cpp", "c++", "cc", "cxx", "hpp", "hh", "objc", "m", "cuda", "cu", "arduino", "ino"],
        comments: &["//", "#include", "#define", "#if", "#endif", "#else", "#pragma"],
        keywords: "alignas auto break case catch class const constexpr continue default delete do else enum explicit extern \
            final for friend goto if inline namespace new noexcept operator override private protected public \
            register restrict return sizeof static struct switch template this throw try typedef typename union \
            using virtual volatile while",
        constants: "true false NULL nullptr",
        types: "bool char double float int int16_t int32_t int64_t int8_t long short signed size_t ssize_t uint16_t \
            uint32_t uint64_t uint8_t unsigned void",
        ..CODE
    },
    Language {
        names: &["java", "kotlin", "kt", "kts", "scala", "sc", "groovy", "gradle"],
        quotes: &[lines("\"\"\""), DOUBLE, SINGLE],
        letters: "@",
        keywords: "abstract as assert break by case catch class companion const continue data def default do else enum \
            extends final finally for fun given if implements implicit import in init inline instanceof interface \
            internal is lateinit lazy match native new object open operator override package private protected \
            public record return sealed static super suspend switch synchronized then this throw throws trait \
            transient try type val var volatile when while with yield",
        types: "boolean byte char double float int long short void",
        ..CODE
    },
    Language {
        names: &["csharp", "cs", "c#", "fsharp", "fs"],
        quotes: &[raw("@\"", "\""), DOUBLE, SINGLE],
        keywords: "abstract as async await base break case catch class const continue default delegate do else enum event \
            explicit extern finally fixed for foreach get if implicit in interface internal is let lock match module \
            mutable namespace new open operator out override params partial private protected public readonly record \
            ref return sealed set static struct switch this throw try type typeof using var virtual volatile when \
            where while with yield",
        types: "bool byte char decimal double float int long object short string void",
        ..CODE
    },
    Language {
        names: &["go", "golang"],
        quotes: &[raw("`", "`"), DOUBLE, SINGLE],
        keywords: "break case chan const continue default defer else fallthrough for func go goto if import interface map \
            package range return select struct switch type var",
        constants: "true false nil iota",
        types: "any bool byte error float32 float64 int int16 int32 int64 int8 rune string uint uint16 uint32 uint64 \
            uint8 uintptr",
        ..CODE
    },
    Language {
        names: &["ruby", "rb", "rake", "gemfile", "elixir", "ex", "exs", "crystal", "cr"],
        comments: &["#"],
        block: None,
        letters: "@?",
        keywords: "alias and begin break case class cond def defmodule defp do else elsif end ensure fn for if import in \
            include module next not or private protected raise receive require rescue retry return self super then \
            undef unless until use when while with yield",
        constants: "true false nil",
        ..CODE
    },
    Language {
        names: &["php"],
        comments: &["//", "#"],
        letters: "$",
        keywords: "abstract as break case catch class const continue declare default do echo else elseif enum extends final \
            finally fn for foreach function global if implements include instanceof interface match namespace new \
            private protected public readonly require require_once return static switch throw trait try use var \
            while yield",
        types: "array bool float int mixed string void",
        ..CODE
    },
    Language {
        names: &["swift", "dart", "zig"],
        quotes: &[lines("\"\"\""), DOUBLE, SINGLE],
        letters: "@",
        keywords: "actor as associatedtype async await break case catch class comptime const continue default defer deinit \
            do else enum errdefer export extends extension extern factory fallthrough fileprivate final fn for func \
            get guard if implements import in init inout internal is late let mixin mutating new open orelse \
            override private protocol pub public required return self set static struct super switch test this throw \
            throws try typealias var void weak where while with yield",
        constants: "true false nil null undefined",
        types: "bool double f32 f64 i32 i64 int u16 u32 u64 u8 usize",
        ..CODE
    },
    Language {
        names: &["lua"],
        comments: &["--"],
        block: Some(("--[[", "]]")),
        quotes: &[raw("[[", "]]"), DOUBLE, SINGLE],
        keywords: "and break do else elseif end for function goto if in local not or repeat return then until while",
        constants: "true false nil",
        ..CODE
    },
    Language {
        names: &["perl", "pl", "pm", "r", "julia", "jl", "tcl"],
        comments: &["#"],
        block: None,
        letters: "$@%",
        keywords: "and begin break const continue do else elseif elsif end for foreach function global if import in last \
            let library local macro module my next not or our package repeat require return struct sub try unless \
            use using while",
        constants: "true false nothing TRUE FALSE NULL NA undef",
        ..CODE
    },
    Language {
        names: &["haskell", "hs", "elm", "purescript"],
        comments: &["--"],
        block: Some(("{-", "-}")),
        nests: true,
        quotes: &[DOUBLE, CHARACTER],
        letters: "'",
        keywords: "as case class data deriving do else exposing forall hiding if import in infixl infixr instance let \
            module newtype of qualified then type where",
        constants: "True False Nothing",
        ..CODE
    },
    Language {
        names: &["ocaml", "ml", "mli"],
        comments: &[],
        block: Some(("(*", "*)")),
        nests: true,
        quotes: &[DOUBLE, CHARACTER],
        keywords: "and as begin class do done else end exception external for fun function functor if in include let match \
            method module mutable object of open rec sig struct then to try type val virtual when while with",
        constants: "true false",
        ..CODE
    },
    Language {
        names: &["sql", "postgresql", "mysql", "sqlite", "plsql"],
        comments: &["--"],
        quotes: &[raw("'", "'"), DOUBLE],
        any_case: true,
        capitals: false,
        keywords: "add all alter and as asc begin between by case cast check column commit constraint create cross database \
            default delete desc distinct drop else end except exists explain foreign from full grant group having if \
            in index inner insert intersect into is join key left like limit not offset on or order outer over \
            partition primary references returning revoke right rollback select set table then to transaction \
            truncate union unique update using values view when where with",
        types: "bigint blob boolean char date decimal integer int json jsonb numeric real serial text timestamp uuid \
            varchar",
        ..CODE
    },
    Language {
        names: &["powershell", "ps1", "pwsh"],
        comments: &["#"],
        block: Some(("<#", "#>")),
        any_case: true,
        letters: "$-",
        keywords: "begin break catch class continue do else elseif end exit finally for foreach function if in param \
            process return switch throw try until while",
        constants: "$true $false $null",
        ..CODE
    },
    Language {
        names: &["html", "htm", "xml", "svg", "vue", "svelte", "xhtml", "plist"],
        kind: Kind::Markup,
        comments: &[],
        block: Some(("<!--", "-->")),
        ..CODE
    },
    Language {
        names: &["css", "scss", "less", "sass"],
        comments: &["//"],
        letters: "-@.#%",
        keys: &[':'],
        capitals: false,
        keywords: "@import @include @keyframes @layer @media @mixin @use",
        ..CODE
    },
    Language {
        names: &["json", "jsonc", "json5", "jsonl", "ndjson"],
        keys: &[':'],
        calls: false,
        capitals: false,
        ..CODE
    },
    Language { names: &["yaml", "yml"], keys: &[':'], constants: "true false null yes no", ..DATA },
    Language {
        names: &["toml", "ini", "cfg", "conf", "properties", "env", "dotenv", "editorconfig"],
        kind: Kind::Sections,
        comments: &["#", ";"],
        quotes: &[lines("\"\"\""), raw("'''", "'''"), DOUBLE, raw("'", "'")],
        keys: &['='],
        ..DATA
    },
    Language {
        names: &["hcl", "terraform", "tf", "nix", "graphql", "gql", "proto", "protobuf"],
        comments: &["#", "//"],
        keys: &['='],
        keywords: "data else enum fragment if import in inherit input interface let locals message module mutation option \
            optional output package provider query rec repeated resource rpc service syntax then type variable with",
        letters: "-",
        ..CODE
    },
    Language {
        names: &["dockerfile", "docker", "containerfile"],
        keywords: "ADD ARG AS CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN SHELL USER VOLUME WORKDIR",
        ..DATA
    },
    Language {
        names: &["makefile", "make", "mk", "just", "justfile", "cmake"],
        keys: &[':', '='],
        keywords: "define else endef endif export if ifdef ifeq ifndef ifneq include",
        ..DATA
    },
    Language { names: &["diff", "patch", "udiff"], kind: Kind::Diff, ..CODE },
];
