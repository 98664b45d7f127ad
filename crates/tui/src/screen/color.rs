//! Colours, made fit for a terminal that shows fewer of them.

use crate::text::{Color, ColorDepth, Style};

/// The usual values of the 16 colours. Users choose their own; these are what is near to them.
const USUAL: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];
/// Steps of the cube of 6×6×6 colours.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// `style` in the colours that there are.
pub fn fit(style: Style, depth: ColorDepth) -> Style {
    let foreground = style.foreground.and_then(|color| nearest(color, depth));
    let background = style.background.and_then(|color| nearest(color, depth));
    // What became the same cannot be read.
    let background = background.filter(|_| background != foreground || style.foreground == style.background);
    Style { foreground, background, ..style }
}

fn nearest(color: Color, depth: ColorDepth) -> Option<Color> {
    Some(match (color, depth) {
        (_, ColorDepth::None) => return None,
        (Color::Rgb(red, green, blue), ColorDepth::Indexed) => Color::Indexed(indexed((red, green, blue))),
        (Color::Rgb(red, green, blue), ColorDepth::Ansi) => Color::Ansi(ansi((red, green, blue))),
        (Color::Indexed(color), ColorDepth::Ansi) => Color::Ansi(ansi(value(color))),
        (color, _) => color,
    })
}

/// The nearest of the 240 colours whose values are the same everywhere.
fn indexed(color: (u8, u8, u8)) -> u8 {
    (16..=255).min_by_key(|&index| distance(value(index), color)).unwrap_or_default()
}

fn ansi(color: (u8, u8, u8)) -> u8 {
    (0..16).min_by_key(|&index| distance(value(index), color)).unwrap_or_default()
}

/// Red, green and blue of one of 256.
fn value(index: u8) -> (u8, u8, u8) {
    let step = |n: u8| STEPS.get(usize::from(n)).copied().unwrap_or_default();
    match index {
        0..16 => USUAL.get(usize::from(index)).copied().unwrap_or_default(),
        16..232 => (step((index - 16) / 36), step((index - 16) / 6 % 6), step((index - 16) % 6)),
        232.. => (8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232)),
    }
}

/// How different two colours look; green counts most.
fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> u32 {
    let part = |a: u8, b: u8, weight: u32| weight * u32::from(a.abs_diff(b)).pow(2);
    part(one.0, other.0, 2) + part(one.1, other.1, 4) + part(one.2, other.2, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_colours_are_near_ones() {
        let table = [
            (Color::Rgb(255, 0, 0), ColorDepth::Indexed, Some(Color::Indexed(196))),
            (Color::Rgb(8, 8, 8), ColorDepth::Indexed, Some(Color::Indexed(232))),
            (Color::Rgb(0, 0, 0), ColorDepth::Indexed, Some(Color::Indexed(16))),
            (Color::Rgb(250, 250, 250), ColorDepth::Ansi, Some(Color::Ansi(15))),
            (Color::Indexed(21), ColorDepth::Ansi, Some(Color::Ansi(4))),
            (Color::Ansi(3), ColorDepth::Ansi, Some(Color::Ansi(3))),
            (Color::Rgb(1, 2, 3), ColorDepth::True, Some(Color::Rgb(1, 2, 3))),
            (Color::Ansi(3), ColorDepth::None, None),
        ];
        for (color, depth, expected) in table {
            assert_eq!(nearest(color, depth), expected, "{color:?} {depth:?}");
        }
        let near =
            Style { foreground: Some(Color::Rgb(0, 0, 9)), background: Some(Color::Rgb(9, 0, 0)), ..Style::plain() };
        assert_eq!(fit(near, ColorDepth::Ansi).background, None);
    }
}
