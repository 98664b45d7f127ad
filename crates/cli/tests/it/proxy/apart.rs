//! A network of a test's own: the test binary starts itself again in it, so that nothing it does can leave the machine.
//!
//! It has a loopback interface with all of 198.51.100.0/24 on it (TEST-NET-2, RFC 5737), where the test puts hosts that
//! are far away to a cell.

use std::process::{Command, Stdio};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket},
};

/// Tells this test binary that it was started in a network of its own.
const MARK: &str = "CODEX_TEST_APART";

/// Runs the test of this name, whose work is `work`, in a network of its own.
pub fn apart(test: &str, work: impl Future<Output = ()>) {
    apart_where("true", test, work);
}

/// As [`apart`], after a script has changed what is mounted there.
#[allow(clippy::disallowed_methods, reason = "the variable is this test's own, and what is started is this test")]
pub fn apart_where(surroundings: &str, test: &str, work: impl Future<Output = ()>) {
    if std::env::var_os(MARK).is_some() {
        raise_loopback();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
        return;
    }
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--net", "--"])
        .args(["sh", "-c", &format!("{surroundings} && exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "in a network of its own:\n{said}");
}

/// Raises the interface and gives it the far addresses (rtnetlink(7)).
fn raise_loopback() {
    const RTM_NEWLINK: u16 = 16;
    const RTM_NEWADDR: u16 = 20;
    const LOOPBACK: u32 = 1;
    let [index, up] = [LOOPBACK, 1].map(u32::to_ne_bytes);
    // `struct ifinfomsg`: family, type, index, flags, and which of the flags are meant.
    ask(RTM_NEWLINK, &[[0; 4], index, up, up].concat());
    // `struct ifaddrmsg`: family, length of the prefix, flags, scope, index; then one attribute, `IFA_LOCAL`.
    let attribute = [8_u16, 2].map(u16::to_ne_bytes).concat();
    ask(RTM_NEWADDR, &[&[2, 24, 0, 0], &index[..], &attribute, &[198, 51, 100, 1]].concat());
}

/// Sends one request to the kernel and waits until it says that it was done.
fn ask(kind: u16, body: &[u8]) {
    /// `NLM_F_REQUEST`, `NLM_F_ACK` and `NLM_F_CREATE`.
    const FLAGS: u16 = 0x1 | 0x4 | 0x400;
    let length = 16 + body.len() as u32;
    let kind_and_flags = [kind, FLAGS].map(u16::to_ne_bytes).concat();
    let request = [&length.to_ne_bytes()[..], &kind_and_flags, &[0; 8], body].concat();
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, None).unwrap();
    send(&kernel, &request, SendFlags::empty()).unwrap();
    let mut answer = [0; 256];
    let (_, length) = recv(&kernel, &mut answer, RecvFlags::empty()).unwrap();
    // After the head comes a `struct nlmsgerr`, which begins with 0 or an error.
    let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    assert!(length >= 20 && error == 0, "rtnetlink request {kind}: {}", Errno::from_raw_os_error(-error));
}
