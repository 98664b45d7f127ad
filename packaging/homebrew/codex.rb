# Formula of the program as it is released, for Homebrew on Linux on x86_64 alone.
class Codex < Formula
  desc "Coding agent for the terminal"
  homepage "@BASE_URL@"
  url "@BASE_URL@/codex-@VERSION@-x86_64-linux.tar.gz"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on arch: :x86_64
  depends_on :linux

  def install
    bin.install "bin/codex"
    man1.install Dir["share/man/man1/*"]
    bash_completion.install "share/bash-completion/completions/codex"
    zsh_completion.install "share/zsh/site-functions/_codex"
    fish_completion.install "share/fish/vendor_completions.d/codex.fish"
    doc.install "README.md", "THIRD-PARTY"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/codex --version")
    assert_match "hello", shell_output("#{bin}/codex completion bash && echo hello")
  end
end
