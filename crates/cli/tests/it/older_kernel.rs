//! The kernel without some of its features, for what a test starts: a filter answers their system calls as a kernel
//! does that has not got them, or a container that forbids them.

use std::thread;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Namespaces are forbidden, as by the filter of a container.
    Namespaces,
    /// A kernel built without it.
    Landlock,
}

const NEW: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Does `work` on a thread of its own, where these features are missing, also for all that it starts.
pub fn without<Done: Send>(missing: &[Missing], work: impl FnOnce() -> Done + Send) -> Done {
    let filters: Vec<BpfProgram> = missing.iter().flat_map(|missing| filters(*missing)).collect();
    let on_the_thread = || {
        filters.iter().for_each(|filter| seccompiler::apply_filter(filter).unwrap());
        work()
    };
    thread::scope(|scope| scope.spawn(on_the_thread).join().unwrap())
}

fn filters(missing: Missing) -> Vec<BpfProgram> {
    match missing {
        Missing::Landlock => vec![filter(&[(libc::SYS_landlock_create_ruleset, Vec::new())], libc::ENOSYS)],
        Missing::Namespaces => {
            let flag = |flag: &i32| {
                let flag = u64::from(flag.unsigned_abs());
                let any = SeccompCmpOp::MaskedEq(flag);
                let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, any, flag).unwrap();
                SeccompRule::new(vec![condition]).unwrap()
            };
            let clone = (libc::SYS_clone, NEW.iter().map(flag).collect());
            let refused = [(libc::SYS_unshare, Vec::new()), (libc::SYS_setns, Vec::new()), clone];
            // Its flags lie in memory; the C library then takes clone(2).
            vec![filter(&refused, libc::EPERM), filter(&[(libc::SYS_clone3, Vec::new())], libc::ENOSYS)]
        }
    }
}

fn filter(calls: &[(i64, Vec<SeccompRule>)], error: i32) -> BpfProgram {
    let answer = SeccompAction::Errno(error.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let rules = calls.iter().cloned().collect();
    SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture).unwrap().try_into().unwrap()
}
