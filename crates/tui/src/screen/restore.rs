//! What has to be undone when the program ends in the middle: kept outside of the screen, so that a panic can do it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The alternate buffer, with reports of the mouse wheel.
pub const ENTER_ALTERNATE: &[u8] = b"\x1b[?1049h\x1b[?1000h\x1b[?1006h";
/// The alternate buffer for a page: the mouse stays the terminal's.
pub const ENTER_PAGE: &[u8] = b"\x1b[?1049h";
/// Undoes it.
pub const LEAVE_PAGE: &[u8] = b"\x1b[?1049l";
/// Undoes it.
pub const LEAVE_ALTERNATE: &[u8] = b"\x1b[?1006l\x1b[?1000l\x1b[?1049l";

static ABOVE: AtomicUsize = AtomicUsize::new(0);
static ALTERNATE: AtomicBool = AtomicBool::new(false);

/// Notes how many rows of the live area in the ordinary buffer are above the cursor.
pub fn set_above(rows: usize) {
    ABOVE.store(rows, Ordering::Relaxed);
}

/// Notes whether the alternate buffer is shown.
pub fn set_alternate(is_shown: bool) {
    ALTERNATE.store(is_shown, Ordering::Relaxed);
}

/// Leaves the alternate buffer or erases the live area, and shows the cursor.
pub fn bytes() -> Vec<u8> {
    let above = ABOVE.swap(0, Ordering::Relaxed);
    let mut bytes = b"\x1b[?2026l\x1b[?7h\x1b[0m".to_vec();
    let was_alternate = ALTERNATE.swap(false, Ordering::Relaxed);
    if was_alternate {
        bytes.extend_from_slice(LEAVE_ALTERNATE);
    }
    if !was_alternate || above > 0 {
        if above > 0 {
            bytes.extend_from_slice(format!("\x1b[{above}A").as_bytes());
        }
        bytes.extend_from_slice(b"\r \x1b[J\r\x1b[K");
    }
    bytes.extend_from_slice(b"\x1b[?25h");
    bytes
}
