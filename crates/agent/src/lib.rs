//! The loop: thread, turn, context, approvals.
