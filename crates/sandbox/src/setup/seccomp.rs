//! The system calls a confined command does not get, as BPF programs.
//!
//! Compiled in the parent, so that the helper stays small, and installed by the command just before `execve(2)`. This
//! is a deny list on top of namespaces, mounts and Landlock: it takes away what those cannot hold (datagrams to host
//! sockets, typing into a terminal) and the parts of the kernel where escapes have been found. It must never be the
//! only wall, and must never let an unknown architecture through.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use crate::codec::Malformed;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
/// As the kernel says it (`AUDIT_ARCH_*` of linux/audit.h: the number of elf(5), 64 bits, little endian).
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE_WORD: u32 = libc::EM_X86_64 as u32 | 0xc000_0000;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE_WORD: u32 = libc::EM_AARCH64 as u32 | 0xc000_0000;

/// Calls by number that `libc` has no name for on every architecture; new calls are numbered alike everywhere.
mod number {
    use libc::c_long;
    pub(super) const QUOTACTL_FD: c_long = 443;
    pub(super) const FCHMODAT2: c_long = 452;
    pub(super) const SETXATTRAT: c_long = 463;
    pub(super) const REMOVEXATTRAT: c_long = 466;
    pub(super) const OPEN_TREE_ATTR: c_long = 467;
    pub(super) const FILE_SETATTR: c_long = 469;
}

/// Refused whatever their arguments are.
const REFUSED: &[c_long] = &[
    // Large kernel surfaces that a build or a test does not need.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_vmsplice,
    libc::SYS_fanotify_init,
    // Keyrings are not namespaced by what we unshare.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Mounts hold the walls.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    number::OPEN_TREE_ATTR,
    // So do namespaces.
    libc::SYS_setns,
    libc::SYS_unshare,
    // Ways past paths, and into other processes' memory and descriptors.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // The machine itself.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    number::QUOTACTL_FD,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    // File attributes such as "immutable" outlive the command and cannot be undone by the user.
    number::FILE_SETATTR,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// `ioctl(2)` requests that type into a terminal, paste into a console, or set file attributes; and those that copy a
/// subvolume of btrfs, or take it away, with what is mounted in it: nothing is hidden in the copy, and what comes in
/// its place is not protected.
const REFUSED_REQUESTS: &[u32] = &[
    libc::TIOCSTI as u32,
    0x541c,      // TIOCLINUX
    0x4008_6602, // FS_IOC_SETFLAGS
    0x401c_5820, // FS_IOC_FSSETXATTR
    0x5000_9401, // BTRFS_IOC_SNAP_CREATE
    0x5000_9417, // BTRFS_IOC_SNAP_CREATE_V2
    0x5000_940f, // BTRFS_IOC_SNAP_DESTROY
    0x5000_943f, // BTRFS_IOC_SNAP_DESTROY_V2
];

/// The letter of all requests by which bcachefs is managed, its subvolumes among it.
const BCACHEFS: u32 = 0xbc << 8;

/// `clone(2)` flags that make namespaces; each is refused alone.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWTIME,
];

/// Calls that set a mode, and the place of the mode among their arguments: set-user-ID files are not made here.
/// Set-group-ID is left alone: it is how a project's directories stay with its group.
const MODE_SETTERS: &[(c_long, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1),
    (libc::SYS_fchmod, 1),
    (libc::SYS_fchmodat, 2),
    (number::FCHMODAT2, 2),
];

/// Calls that make nodes, and the place of the mode: devices and set-user-ID files are not made here (pipes,
/// sockets and plain files are fine).
const NODE_MAKERS: &[(c_long, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];

/// Refused where IPC is the host's: its objects belong to the user and are open to all of the user's processes.
const SHARED: &[c_long] = &[
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Calls that change limits, priority or processors of a process, and the place of its number. Where other processes
/// of the user exist, only 0, the caller itself, is left: no wall else keeps them apart.
const PROCESS_SETTERS: &[(c_long, u8)] = &[
    (libc::SYS_prlimit64, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
];

/// Kinds of processes by which [`PROCESS_SETTERS`] with a kind mean a user: `PRIO_USER` and `IOPRIO_WHO_USER`. That
/// the first is also one of the other's kinds, a process group, costs nothing.
const WHOLE_USER: [u32; 2] = [2, 3];

/// Calls that change what is known of a file and not what is in it, which Landlock does not hold.
const METADATA: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    number::FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    number::SETXATTRAT,
    number::REMOVEXATTRAT,
];

/// Calls that make a file when asked to, and the places of their flags and of its mode.
const OPENERS: &[(c_long, u8, u8)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1, 2),
    (libc::SYS_openat, 2, 3),
];

/// Flags with which an opener makes a file; without them nobody reads the mode, and it may be anything. Without
/// `O_DIRECTORY`, which is a part of `O_TMPFILE`.
const MAKING: &[u32] = &[libc::O_CREAT as u32, (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32];

/// What a file is not made with: other than by `chmod(2)`, where it may be a directory's, set-group-ID neither.
const IDS: &[u32] = &[libc::S_ISUID, libc::S_ISGID];

type Rules = Vec<SeccompRule>;

/// What of the kernel a command gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) local: LocalSockets,
    /// Sockets of IP.
    pub(crate) internet: bool,
    /// There are no namespaces: what they would keep apart is refused.
    pub(crate) alone: bool,
    /// Modes, owners, times and attributes of files.
    pub(crate) metadata: bool,
}

/// Which local sockets (unix(7)) a command may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalSockets {
    /// Stream sockets, which can connect to every name that can be seen and is not masked.
    Streams,
    /// Connected pairs only, which reach nobody else.
    Pairs,
}

fn condition(argument: u8, operation: SeccompCmpOp, value: u32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, Dword, operation, u64::from(value))
}

fn equal(argument: u8, value: u32) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::Ne, value as u32)
}

fn masked(argument: u8, mask: u32, value: u32) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(u64::from(mask)), value)
}

/// `socket(2)`: local streams if asked for, IP inside our own network, and asking the kernel about that network (rtnetlink(7), by
/// which runtimes list their interfaces; changing it takes a capability that commands do not have). Kind is masked
/// because flags share the argument; a local "raw" socket is a datagram socket to the kernel.
fn socket_rules(Calls { local, internet, .. }: Calls) -> Result<Rules, BackendError> {
    const KIND: u32 = 0xf;
    let local = (local == LocalSockets::Streams).then_some(libc::AF_UNIX);
    let internet = [libc::AF_INET, libc::AF_INET6].into_iter().filter(|_| internet);
    let families = internet.chain([libc::AF_NETLINK]).chain(local);
    Ok(vec![
        SeccompRule::new(families.map(|family| differs(0, family)).collect::<Result<_, _>>()?)?,
        SeccompRule::new(vec![equal(0, libc::AF_UNIX as u32)?, masked(1, KIND, libc::SOCK_DGRAM as u32)?])?,
        SeccompRule::new(vec![differs(0, libc::AF_NETLINK)?, masked(1, KIND, libc::SOCK_RAW as u32)?])?,
        SeccompRule::new(vec![equal(0, libc::AF_NETLINK as u32)?, differs(2, libc::NETLINK_ROUTE)?])?,
    ])
}

/// `socketpair(2)`: an end of a datagram pair can send to any address, so only connected kinds are left.
fn pair_rules() -> Result<Rules, BackendError> {
    const KIND: u32 = 0xf;
    Ok(vec![
        SeccompRule::new(vec![differs(0, libc::AF_UNIX)?])?,
        SeccompRule::new(vec![masked(1, KIND, libc::SOCK_DGRAM as u32)?])?,
        SeccompRule::new(vec![masked(1, KIND, libc::SOCK_RAW as u32)?])?,
    ])
}

/// One rule for each value whose bits are all set in `argument`.
pub(super) fn any_bits(argument: u8, values: &[u32]) -> Result<Rules, BackendError> {
    values.iter().map(|bits| SeccompRule::new(vec![masked(argument, *bits, *bits)?])).collect()
}

fn refused(calls: Calls) -> Result<BTreeMap<c_long, Rules>, BackendError> {
    let mut table: BTreeMap<c_long, Rules> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    table.insert(libc::SYS_socket, socket_rules(calls)?);
    table.insert(libc::SYS_socketpair, pair_rules()?);
    let requests = REFUSED_REQUESTS.iter().map(|request| SeccompRule::new(vec![equal(1, *request)?]));
    let letter = SeccompRule::new(vec![masked(1, 0xff << 8, BCACHEFS)?]);
    table.insert(libc::SYS_ioctl, requests.chain([letter]).collect::<Result<_, _>>()?);
    // A lease (fcntl(2)) makes whoever opens the file next wait, on a file that may only be read too.
    table.insert(libc::SYS_fcntl, vec![SeccompRule::new(vec![equal(1, libc::F_SETLEASE as u32)?])?]);
    let namespaces: Vec<u32> = NAMESPACES.iter().map(|flag| *flag as u32).collect();
    table.insert(libc::SYS_clone, any_bits(0, &namespaces)?);
    for (call, argument) in MODE_SETTERS {
        table.insert(*call, any_bits(*argument, &[libc::S_ISUID])?);
    }
    for (call, argument) in NODE_MAKERS {
        let kinds = [libc::S_IFBLK, libc::S_IFCHR];
        let kinds = kinds.map(|kind| SeccompRule::new(vec![masked(*argument, libc::S_IFMT, kind)?]));
        let mut rules: Rules = kinds.into_iter().collect::<Result<_, _>>()?;
        rules.extend(any_bits(*argument, &[libc::S_ISUID])?);
        table.insert(*call, rules);
    }
    for (call, flags, mode) in OPENERS {
        let pairs = MAKING.iter().flat_map(|making| IDS.iter().map(move |id| (*making, *id)));
        let rule = |(making, id)| SeccompRule::new(vec![masked(*flags, making, making)?, masked(*mode, id, id)?]);
        table.insert(*call, pairs.map(rule).collect::<Result<_, _>>()?);
    }
    #[cfg(target_arch = "x86_64")]
    table.insert(libc::SYS_creat, any_bits(1, IDS)?);
    // Asking for the personality is fine, changing it is not: it can switch off address randomisation.
    let query = SeccompRule::new(vec![differs(0, -1)?])?;
    table.insert(libc::SYS_personality, vec![query]);
    if calls.alone {
        table.extend(SHARED.iter().map(|call| (*call, Vec::new())));
        for (call, argument) in PROCESS_SETTERS {
            let mut rules = vec![SeccompRule::new(vec![differs(*argument, 0)?])?];
            if *argument == 1 {
                // Of these, 0 can also mean all processes of the user.
                rules.extend(
                    WHOLE_USER
                        .map(|kind| equal(0, kind))
                        .into_iter()
                        .map(|rule| SeccompRule::new(vec![rule?]))
                        .collect::<Result<Rules, _>>()?,
                );
            }
            table.insert(*call, rules);
        }
    }
    if !calls.metadata {
        table.extend(METADATA.iter().map(|call| (*call, Vec::new())));
    }
    Ok(table)
}

/// Calls that a part of a program looks for.
const PART: usize = 8;

/// A program that answers `action` to what is in `table`.
///
/// It is cut into parts, with a list of jumps before them: to install a program, the kernel runs it once for each
/// number that a call can have, and one that looks for every refused call each time takes 0.2 ms for that.
pub(super) fn compile(table: BTreeMap<c_long, Rules>, action: SeccompAction) -> Result<BpfProgram, BackendError> {
    let calls: Vec<(c_long, Rules)> = table.into_iter().collect();
    let mut parts = Vec::new();
    for part in calls.chunks(PART) {
        let first = part.first().map_or(0, |(call, _)| *call as u32);
        let part = part.iter().cloned().collect();
        let filter = SeccompFilter::new(part, SeccompAction::Allow, action.clone(), ARCHITECTURE)?;
        parts.push((first, BpfProgram::try_from(filter)?));
    }
    Ok(joined(parts))
}

/// One program of several, each for the numbers from its own to the next one's.
fn joined(parts: Vec<(u32, BpfProgram)>) -> BpfProgram {
    let mut program = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)]; // the call's number
    // Instructions between the end of the list of jumps, two for each part but the last, and the next part.
    let mut ahead = 0;
    let mut left = 2 * parts.len().saturating_sub(1);
    for ((_, part), (next, _)) in parts.iter().zip(parts.iter().skip(1)) {
        left -= 2;
        program.push(instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, 0, *next));
        program.push(instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, (left + 1 + ahead) as u32));
        ahead += part.len();
    }
    program.push(instruction(libc::BPF_JMP | libc::BPF_JA, 0, 0, ahead as u32));
    program.extend(parts.into_iter().flat_map(|(_, part)| part));
    program
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Calls whose arguments lie in memory, where a filter cannot look. Told that they are missing, programs use older ones:
/// C libraries `clone(2)`, whose flags could make namespaces; who opens files safely `openat(2)`, whose mode could make
/// a set-user-ID file.
const MISSING: [c_long; 2] = [libc::SYS_clone3, libc::SYS_openat2];

/// Numbers of the x32 calls, which share x86-64's architecture word and would slip past every number in a table.
#[cfg(target_arch = "x86_64")]
const X32: Option<u32> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<u32> = None;

/// `program` with what is told to be missing before it: x32 calls, and [`MISSING`].
fn with_missing(program: BpfProgram) -> BpfProgram {
    const ABSOLUTE: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let answer = |action| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    let missing = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut whole = vec![
        instruction(ABSOLUTE, 0, 0, 4), // the architecture
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0, ARCHITECTURE_WORD),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        instruction(ABSOLUTE, 0, 0, 0), // the call's number
    ];
    if let Some(first) = X32 {
        whole.extend([instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, first), answer(missing)]);
    }
    for call in MISSING {
        let is_this = instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32);
        whole.extend([is_this, answer(missing)]);
    }
    whole.extend(program);
    whole
}

/// The program of a confinement, as bytes for the helper. One and not one for each answer: the kernel prepares each.
pub(crate) fn program(calls: Calls) -> Result<Vec<u8>, BackendError> {
    let refusing = compile(refused(calls)?, SeccompAction::Errno(libc::EPERM as u32))?;
    Ok(to_bytes(&with_missing(refusing)))
}

pub(super) fn to_bytes(program: &[sock_filter]) -> Vec<u8> {
    let instruction = |step: &sock_filter| {
        let [code_low, code_high] = step.code.to_le_bytes();
        let [k0, k1, k2, k3] = step.k.to_le_bytes();
        [code_low, code_high, step.jt, step.jf, k0, k1, k2, k3]
    };
    program.iter().flat_map(instruction).collect()
}

/// Reads back a [`program`].
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<BpfProgram, Malformed> {
    let (steps, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || steps.is_empty() {
        return Err(Malformed);
    }
    let instruction = |&[code_low, code_high, jt, jf, k0, k1, k2, k3]: &[u8; 8]| sock_filter {
        code: u16::from_le_bytes([code_low, code_high]),
        jt,
        jf,
        k: u32::from_le_bytes([k0, k1, k2, k3]),
    };
    Ok(steps.iter().map(instruction).collect())
}

/// Puts this process, for good, under `program`. Needs `no_new_privs`, which it also sets.
pub(crate) fn install(program: &BpfProgram) -> std::io::Result<()> {
    seccompiler::apply_filter(program).map_err(|error| match error {
        seccompiler::Error::Prctl(source) | seccompiler::Error::Seccomp(source) => source,
        other => std::io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_led_to_the_part_that_looks_for_it() {
        // Each part is one instruction, which says who it is.
        let part = |number: u32| (number * 10, vec![instruction(libc::BPF_RET | libc::BPF_K, 0, 0, number)]);
        for count in 1..5 {
            let program = joined((1..=count).map(part).collect());
            for number in 0..60 {
                let mut place = 1;
                let reached = loop {
                    let sock_filter { code, jt, jf, k } = program[place];
                    place += 1 + match u32::from(code) {
                        code if code == libc::BPF_JMP | libc::BPF_JA => k as usize,
                        code if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K => {
                            usize::from(if number >= k { jt } else { jf })
                        }
                        _ => break k,
                    };
                };
                assert_eq!(reached, (number / 10).clamp(1, count), "{number} of {count} parts");
            }
        }
    }

    #[test]
    fn what_is_missing_is_told_before_anything_else() {
        let rest = 7;
        let program = with_missing(vec![instruction(libc::BPF_RET | libc::BPF_K, 0, 0, rest)]);
        let answer = |architecture: u32, number: u32| {
            let (mut place, mut loaded) = (0, 0);
            loop {
                let sock_filter { code, jt, jf, k } = program[place];
                place += 1 + match u32::from(code) {
                    code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                        loaded = if k == 4 { architecture } else { number };
                        0
                    }
                    code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => {
                        usize::from(if loaded == k { jt } else { jf })
                    }
                    code if code == libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K => {
                        usize::from(if loaded >= k { jt } else { jf })
                    }
                    _ => break k,
                };
            }
        };
        let missing = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        let clone3 = libc::SYS_clone3 as u32;
        for (architecture, number, expected) in [
            (ARCHITECTURE_WORD, 0, rest),
            (ARCHITECTURE_WORD, clone3 - 1, rest),
            (ARCHITECTURE_WORD, clone3, missing),
            (ARCHITECTURE_WORD, clone3 + 1, rest),
            (ARCHITECTURE_WORD, libc::SYS_openat2 as u32, missing),
            (ARCHITECTURE_WORD, X32.unwrap_or(clone3), missing),
            (ARCHITECTURE_WORD, u32::MAX, if X32.is_some() { missing } else { rest }),
            (ARCHITECTURE_WORD ^ 1, 0, libc::SECCOMP_RET_KILL_PROCESS),
            (ARCHITECTURE_WORD ^ 1, clone3, libc::SECCOMP_RET_KILL_PROCESS),
        ] {
            assert_eq!(answer(architecture, number), expected, "{architecture:x} {number:x}");
        }
    }

    #[test]
    fn programs_compile_and_survive_the_wire() {
        let usual = Calls { local: LocalSockets::Streams, internet: true, alone: false, metadata: true };
        let least = Calls { local: LocalSockets::Pairs, internet: false, alone: true, metadata: false };
        for bytes in [usual, least].map(|calls| program(calls).unwrap()) {
            let program = from_bytes(&bytes).unwrap();
            assert!(program.len() <= 4096, "BPF_MAXINSNS: {}", program.len());
            assert_eq!(to_bytes(&program), bytes);
        }
    }

    #[test]
    fn no_call_is_listed_twice() {
        let mut calls: Vec<_> = REFUSED.to_vec();
        calls.extend([libc::SYS_socket, libc::SYS_socketpair, libc::SYS_ioctl, libc::SYS_fcntl, libc::SYS_clone]);
        calls.extend(MISSING);
        calls.extend(OPENERS.iter().map(|(call, ..)| *call));
        calls.extend(MODE_SETTERS.iter().chain(NODE_MAKERS).map(|(call, _)| *call));
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }

    #[test]
    fn half_an_instruction_is_malformed() {
        assert_eq!(from_bytes(&[0; 7]), Err(Malformed));
        assert_eq!(from_bytes(&[]), Err(Malformed));
    }
}
