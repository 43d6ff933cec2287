//! `--ascii`: the last step of a frame replaces every character that is not ASCII, so that no widget can forget one.

use ratatui::buffer::Buffer;

/// Replaces all symbols of a buffer by ASCII ones.
pub fn translate(buf: &mut Buffer) {
    for cell in &mut buf.content {
        let symbol = cell.symbol();
        if !symbol.is_ascii() {
            let plain = ascii(symbol.chars().next().unwrap_or(' '));
            cell.set_symbol(plain);
        }
    }
}

const fn ascii(c: char) -> &'static str {
    match c {
        '·' | '…' | '▏' | '▎' | '▍' | '░' => ".",
        '✓' | '▾' | '↓' => "v",
        '▸' | '›' | '→' | '≥' => ">",
        '‹' | '←' => "<",
        '○' => "o",
        '‖' | '▄' => "=",
        '▲' => "!",
        '✗' => "x",
        '▒' | '▇' => "%",
        '▓' | '█' => "#",
        '●' | '◆' | '▆' | '\u{2801}'..='\u{28FF}' => "*",
        '◐' => "~",
        '◇' => "@",
        '▴' | '↑' => "^",
        '▁' | '▂' => "_",
        '▃' | '╌' | '─' | '┄' | '—' | '–' => "-",
        '▅' | '╭' | '╮' | '╰' | '╯' | '┤' | '├' | '└' | '┼' => "+",
        '│' | '┆' => "|",
        '▌' | '▋' | '▊' | '▉' => ":",
        '\u{2800}' => " ",
        _ => "?",
    }
}
