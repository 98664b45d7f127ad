#!/bin/sh
# Installs codex on Linux on x86_64 for the user who runs this: the program into ~/.local/bin, its manual and completions into ~/.local/share.
# It never needs root. Run again, it replaces what is there; to remove it: `sh install.sh --remove`.
#
#   CODEX_BASE_URL    where the files of the release are; an address of http or https
#   CODEX_PREFIX      where to install; ~/.local without it
set -eu
umask 022

main() {
  version=@VERSION@
  base_url=${CODEX_BASE_URL:-@BASE_URL@}
  prefix=${CODEX_PREFIX:-${HOME:?install.sh: HOME is not set}/.local}
  case ${1-} in
    '') ;;
    --remove) remove; return ;;
    *) fail "unknown argument $1; there is only --remove" ;;
  esac
  case $base_url in
    http://*|https://*) base_url=${base_url%/} ;;
    *) fail "set CODEX_BASE_URL to the address (http or https) of the directory that the release is in" ;;
  esac
  if [ "$(uname -s) $(uname -m)" != "Linux x86_64" ]; then
    fail "there is no program for $(uname -s) on $(uname -m), only one for Linux on x86_64; README.md says how to build it"
  fi
  if ! getconf GNU_LIBC_VERSION > /dev/null 2>&1; then
    fail "the program needs the GNU C library, which is not here (musl?); README.md says how to build it"
  fi
  name=codex-$version-x86_64-linux

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  get "$name.tar.gz"
  get SHA256SUMS
  # The line of this file alone, by its whole name; none means that the release has no such program.
  awk -v name="$name.tar.gz" '$2 == name' "$work/SHA256SUMS" > "$work/sum"
  [ -s "$work/sum" ] || fail "SHA256SUMS of $base_url does not name $name.tar.gz"
  (cd "$work" && check sum) > /dev/null || fail "$name.tar.gz is not what SHA256SUMS says; nothing was installed"

  tar -xzf "$work/$name.tar.gz" -C "$work"
  found=$("$work/$name/bin/codex" --version) || fail "the program does not run on this machine; nothing was installed"
  mkdir -p "$prefix/bin" "$prefix/share"
  # First all else, then the program, at once: a running one keeps its own file. Files alone: directories are the user's.
  (cd "$work/$name/share" && find . -type f | tar -cf - -T -) | tar -xf - -C "$prefix/share"
  cp "$work/$name/bin/codex" "$prefix/bin/.codex.new"
  mv -f "$prefix/bin/.codex.new" "$prefix/bin/codex"
  echo "$found is installed as $prefix/bin/codex"
  case :$PATH: in
    *:"$prefix/bin":*) ;;
    *) echo "$prefix/bin is not in PATH: add it in the file that your shell reads at its start" ;;
  esac
}

# What an installation has written, and nothing else; sessions and settings stay.
remove() {
  rm -f "$prefix/bin/codex" "$prefix/share/man/man1/codex.1" "$prefix"/share/man/man1/codex-*.1 \
    "$prefix/share/bash-completion/completions/codex" "$prefix/share/zsh/site-functions/_codex" \
    "$prefix/share/fish/vendor_completions.d/codex.fish"
  echo "codex is removed from $prefix; sessions and settings are kept in ${CODEX_HOME:-$HOME/.codex}"
}

# What begins with https stays there, whatever it is led to: the sums come from the same place.
get() {
  case $base_url in
    https:*) curl_only="--proto =https --proto-redir =https" wget_only=--https-only ;;
    *) curl_only="" wget_only="" ;;
  esac
  if command -v curl > /dev/null; then
    # shellcheck disable=SC2086 # options, or none
    curl $curl_only -fsSL --retry 3 -o "$work/$1" "$base_url/$1" || fail "$base_url/$1 cannot be downloaded"
  elif command -v wget > /dev/null; then
    # shellcheck disable=SC2086
    wget $wget_only -q -O "$work/$1" "$base_url/$1" || fail "$base_url/$1 cannot be downloaded"
  else
    fail "curl or wget is needed"
  fi
}

check() {
  if command -v sha256sum > /dev/null; then sha256sum -c "$1"; else shasum -a 256 -c "$1"; fi
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# The last line: a download that was cut off does nothing.
main "$@"
