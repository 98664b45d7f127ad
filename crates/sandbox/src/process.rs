//! The few process calls that have no safe wrapper: forking, signals, waiting for them.
//!
//! But for [`ignore_file_size_signal`] only the helper and what it forks may use this: they have one thread, so that
//! after a fork ordinary code is fine.

use std::{
    io,
    os::fd::{AsFd, FromRawFd, OwnedFd},
    ptr,
};

use rustix::process::Pid;

/// Which side of a fork this is.
pub(crate) enum Forked {
    Child,
    Parent(Pid),
}

/// fork(2) into new namespaces (`CLONE_NEW*`, or 0). unshare(2) cannot do this: it makes a PID namespace once only.
pub(crate) fn fork(namespaces: libc::c_int) -> io::Result<Forked> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    // SAFETY: without `CLONE_VM` this is fork(2): the child gets a copy of memory and descriptors and returns here.
    // The caller has one thread, so no lock can be held by a thread that is missing in the child.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match i32::try_from(result) {
        Ok(0) => Ok(Forked::Child),
        Ok(child @ 1..) => Pid::from_raw(child).map(Forked::Parent).ok_or_else(io::Error::last_os_error),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Starts a process that runs `child` in this one's memory, on a stack of its own, while this one waits (vfork(2)): no
/// page has to be copied for what is about to be replaced by `execve(2)`. What comes back besides is what `child`
/// returned, if it came to that; then the process has ended with status 1.
///
/// Everything but memory is the child's own: descriptors, directory, signals, rights. What it takes from the heap and
/// does not give back is lost, and it must not drop what is this process's.
pub(crate) fn fork_to_execute<T, F: FnOnce() -> T>(child: F) -> io::Result<(Pid, Option<T>)> {
    extern "C" fn enter<T, F: FnOnce() -> T>(work: *mut libc::c_void) -> libc::c_int {
        // SAFETY: it is what is handed to clone(2) below, and whoever owns it waits.
        let (child, returned) = unsafe { &mut *work.cast::<(Option<F>, Option<T>)>() };
        *returned = child.take().map(|child| child());
        exit(1)
    }
    let stack = Stack::new()?;
    let mut work = (Some(child), None);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is the child's alone and, like `work`, lives until it no longer runs in this memory: with
    // `CLONE_VFORK` the call returns when it has executed or ended. The caller has one thread, which waits meanwhile,
    // so that nobody sees what the child changes. A panic in `enter` ends the child.
    let result = unsafe { libc::clone(enter::<T, F>, stack.top(), flags, (&raw mut work).cast()) };
    let error = io::Error::last_os_error();
    match (result > 0).then(|| Pid::from_raw(result)).flatten() {
        Some(pid) => Ok((pid, work.1)),
        None => Err(error),
    }
}

/// The stack of a process that shares this one's memory.
struct Stack(*mut libc::c_void);

impl Stack {
    const SIZE: usize = 256 << 10;
    /// At its end, so that outgrowing it ends the process (a page on every machine there is).
    const GUARD: usize = 64 << 10;

    fn new() -> io::Result<Self> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, which nobody else has.
        let bottom = unsafe { libc::mmap(ptr::null_mut(), Self::SIZE, protection, flags | libc::MAP_STACK, -1, 0) };
        if bottom == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self(bottom);
        // SAFETY: this part of it is never used.
        match unsafe { libc::mprotect(bottom, Self::GUARD, libc::PROT_NONE) } {
            0 => Ok(stack),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Where it begins: it grows down.
    fn top(&self) -> *mut libc::c_void {
        self.0.wrapping_byte_add(Self::SIZE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: made by `new`; nobody runs on it any more.
        unsafe { libc::munmap(self.0, Self::SIZE) };
    }
}

/// Overwrites the arguments and the environment that this program was started with, which the kernel shows in
/// `/proc/PID/cmdline` and `environ` (proc_pid_environ(5)) of every fork. Nobody may read them any more.
pub(crate) fn forget_arguments() {
    unsafe extern "C" {
        static environ: *const *mut libc::c_char;
    }
    let words = std::env::args_os().len();
    // SAFETY: a new process has, one after the other, the pointers to its arguments, a null pointer, those to its
    // environment, a null pointer (System V ABI for AMD64, 3.4.1); the strings are its own to write. This program never
    // changes its environment, so `environ` still points there. It has one thread, and reads neither after this.
    unsafe {
        for list in [environ.sub(words + 1), environ] {
            let mut next = list;
            while let Some(&text) = next.as_ref().filter(|text| !text.is_null()) {
                ptr::write_bytes(text, 0, libc::strlen(text));
                next = next.add(1);
            }
        }
    }
}

/// Ends this process at once: no exit handlers of the program it was forked from.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: _exit(2) has no conditions.
    unsafe { libc::_exit(status) }
}

/// Makes a file that may not grow any more (`RLIMIT_FSIZE`, setrlimit(2)) an error of the write, not the silent end of
/// this program. Commands have the system's own behaviour again.
pub fn ignore_file_size_signal() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Lets every block of memory above 128 KiB go back to the system once it is free (`M_MMAP_THRESHOLD`, mallopt(3)). By itself
/// glibc takes blocks as large as one that was freed from the heap, up to 32 MiB, where the small ones behind them keep
/// what was freed: after 50 MB of answers that were 40 MB.
pub fn give_large_blocks_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a number is set; what is allocated already is freed as before.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024);
    }
}

/// Lets the kernel reap ended children by itself.
pub(crate) fn ignore_children() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Every signal back to its default and none blocked: a command must not inherit that Rust ignores `SIGPIPE`.
pub(crate) fn reset_signals() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: no handler is installed. It fails for signals that cannot be changed, which is fine.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    // SAFETY: an empty set is initialised before it is used, and lives until the calls return.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// A descriptor that becomes readable when a child ended (signalfd(2)). Blocks the signal itself.
pub(crate) struct ChildSignals(OwnedFd);

impl ChildSignals {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the set is initialised before it is used, and lives until the calls return; the descriptor that
        // comes back is new and nobody else's.
        unsafe {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            let mut children = std::mem::zeroed();
            libc::sigemptyset(&raw mut children);
            libc::sigaddset(&raw mut children, libc::SIGCHLD);
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const children, ptr::null_mut()) < 0 {
                return Err(io::Error::last_os_error());
            }
            let descriptor = libc::signalfd(-1, &raw const children, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Self(OwnedFd::from_raw_fd(descriptor)))
        }
    }

    /// Forgets the signals that came so far. Call it before reaping: one that comes in between is then not lost.
    pub(crate) fn drain(&self) {
        let mut record = [0; size_of::<libc::signalfd_siginfo>()];
        while rustix::io::read(&self.0, &mut record).is_ok_and(|count| count > 0) {}
    }
}

impl AsFd for ChildSignals {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Marks all descriptors from 3 on: closed now, or at `execve(2)`.
pub(crate) fn close_from_3(at_exec: bool) -> io::Result<()> {
    let flags = if at_exec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: with `at_exec` nothing is closed here. Without, the caller is the helper's first statement: no value
    // owns a descriptor from 3 on yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Signals every process of this PID namespace but its first one, which must be the caller.
pub(crate) fn kill_namespace() {
    // SAFETY: kill(2) takes numbers only. The only error is that there is nobody left.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// execve(2). Returns only if it failed.
pub(crate) fn execute(
    program: &std::ffi::CStr,
    argv: &[std::ffi::CString],
    environment: &[std::ffi::CString],
) -> io::Error {
    let pointers = |strings: &[std::ffi::CString]| {
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>()
    };
    let (argv, environment) = (pointers(argv), pointers(environment));
    // SAFETY: both lists end in a null pointer and, like the strings they point to, live until the call returns.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

#[cfg(test)]
mod tests {
    use rustix::process::{WaitOptions, waitpid};

    use super::*;

    #[test]
    fn what_does_not_execute_comes_back() {
        let status = |process| waitpid(Some(process), WaitOptions::empty()).unwrap().unwrap().1.exit_status();
        let mut written = 0;
        let work = || {
            written = 1;
            "returned"
        };
        let (process, returned) = fork_to_execute(work).unwrap();
        assert_eq!((written, returned, status(process)), (1, Some("returned"), Some(1)));
        let (process, returned) = fork_to_execute(|| execute(c"/bin/true", &[c"true".into()], &[])).unwrap();
        assert_eq!((returned.is_none(), status(process)), (true, Some(0)));
        let (process, returned) = fork_to_execute(|| exit(3)).unwrap();
        assert_eq!((returned, status(process)), (None::<()>, Some(3)));
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn a_large_block_is_not_of_the_heap_even_after_a_larger_one_was_freed() {
        const LARGE: usize = 8 << 20;
        give_large_blocks_back();
        drop(std::hint::black_box(vec![1_u8; 2 * LARGE]));
        let block = std::hint::black_box(vec![1_u8; LARGE]);
        // SAFETY: numbers are read.
        let mapped = unsafe { libc::mallinfo2() }.hblkhd;
        assert!(mapped >= LARGE, "{mapped}");
        drop(block);
    }

    #[test]
    fn a_refused_fork_is_an_error() {
        // What is done about signals cannot be shared without the memory that says it (clone(2)). Flags of namespaces are
        // refused otherwise inside our own sandbox.
        let refused = fork(libc::CLONE_SIGHAND);
        assert_eq!(refused.err().and_then(|error| error.raw_os_error()), Some(libc::EINVAL));
    }
}
