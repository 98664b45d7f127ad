//! Pictures, in terminals that are known to show them.

use std::fs;

use serde_json::json;

use super::terminal::Terminal;
use crate::support::Place;

/// What passes for a PNG of 200 × 100 pixels, and would drive a terminal that was given it as it is.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\xc8\0\0\0\x64\x08\x02\0\0\0\x1b\\\x1b]52;c;YQ==\x07\x9c\x1b[2J";

#[test]
fn pictures_are_drawn_once_where_the_terminal_shows_them() {
    // Variables, arguments, and what begins a picture there.
    type Row = (&'static [(&'static str, &'static str)], &'static [&'static str], Option<&'static str>);
    let table: &[Row] = &[
        (&[("TERM", "xterm-kitty")], &[], Some("\x1b_Ga=T,f=100,q=2,C=1,c=20,r=5,m=0;")),
        (
            &[("TERM_PROGRAM", "iTerm.app")],
            &[],
            Some("\x1b]1337;File=inline=1;size=48;width=20;height=5;preserveAspectRatio=1:"),
        ),
        (&[], &["-c", "tui.images=on"], Some("\x1b_Ga=T,f=100,q=2,C=1,c=20,r=5,m=0;")),
        (&[], &[], None),
        (&[("TERM", "xterm-kitty")], &["-c", "tui.images=off"], None),
        (&[("TERM", "xterm-kitty")], &["-c", "tui.screen_reader=true"], None),
        (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/t,1,0")], &[], None),
    ];
    for (variables, arguments, begins) in table {
        let looks = json!({ "tool": "view_image", "arguments": { "path": "b.png" } });
        let place = Place::new(json!([looks, { "text": "It is seen." }]));
        for name in ["a.png", "b.png"] {
            fs::write(place.workspace.join(name), PICTURE).unwrap();
        }
        let arguments = [arguments, &["-i", "a.png", "look"][..]].concat();
        let mut terminal = Terminal::with(&place, &arguments, variables, (40, 80));
        terminal.until("[image ").until("It is seen.");
        let written = terminal.written();
        let times = |text: &str| written.matches(text).count();
        // The one of the message, and the one that was looked at.
        assert_eq!(begins.map_or(0, times), if begins.is_some() { 2 } else { 0 }, "{variables:?}: {written:?}");
        assert_eq!(times("\x1b_G") + times("\x1b]1337"), if begins.is_some() { 2 } else { 0 }, "{variables:?}");
        assert!(times("\x1b]52") == 0 && times("\x1b[2J") == 0, "{variables:?}: {written:?}");
    }
}
