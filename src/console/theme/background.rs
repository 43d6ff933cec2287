//! Whether the terminal's background is dark or light.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// The brightness of the terminal's background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
}

/// The answer of the terminal, and whether it may still send one later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What it answered.
    pub background: Option<Background>,
    /// The same as it came, answers to other questions included.
    pub answer: Vec<u8>,
    /// The time was up before the terminal had answered everything: bytes of the answer may arrive as keys.
    pub late: bool,
}

/// How long the terminal may take to tell its background.
const LIMIT: Duration = Duration::from_millis(100);
/// Time between two looks for the answer. (Registering a descriptor with the runtime takes `unsafe` in tokio 1.54.)
const GLANCE: Duration = Duration::from_millis(2);

/// Asks the terminal for its background colour (OSC 11) and whatever `also` asks, fenced by a request that every terminal
/// answers (DA1), so that a terminal without OSC 11 costs a round trip and not the whole limit. Call it in raw mode, before
/// anything else reads the terminal.
pub async fn ask(also: &[u8]) -> Asked {
    match tokio::time::timeout(LIMIT, exchange(also)).await {
        Ok(Ok(answer)) => Asked { background: brightness(&answer), answer, late: false },
        Ok(Err(_)) => Asked::default(),
        Err(_) => Asked { late: true, ..Asked::default() },
    }
}

async fn exchange(also: &[u8]) -> std::io::Result<Vec<u8>> {
    // A descriptor of its own: making standard input non-blocking would change it for the shell as well.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut tty = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")?;
    tty.write_all(&[also, b"\x1b]11;?\x1b\\\x1b[c"].concat())?;
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 256];
        match tty.read(&mut chunk) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => tokio::time::sleep(GLANCE).await,
            Err(e) => return Err(e),
        }
        if fenced(&answer) || answer.len() > 4096 {
            return Ok(answer);
        }
    }
}

/// Whether the DA1 answer (`ESC [ ? ... c`) has arrived.
fn fenced(answer: &[u8]) -> bool {
    let start = answer.windows(3).position(|w| w == b"\x1b[?");
    start.is_some_and(|i| answer[i..].contains(&b'c'))
}

/// Reads `rgb:RRRR/GGGG/BBBB` and weighs it as ITU-R BT.709 luma; above half is light.
fn brightness(answer: &[u8]) -> Option<Background> {
    let text = String::from_utf8_lossy(answer);
    let (_, rest) = text.split_once("]11;rgb:")?;
    let mut parts = rest.splitn(3, '/').map(|p| {
        let hex: String = p.chars().take_while(char::is_ascii_hexdigit).take(4).collect();
        let full = 16_f64.powi(hex.len() as i32) - 1.0;
        u16::from_str_radix(&hex, 16).ok().map(|v| f64::from(v) / full)
    });
    let (r, g, b) = (parts.next()??, parts.next()??, parts.next()??);
    Some(if 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.5 { Background::Light } else { Background::Dark })
}

/// Reads `COLORFGBG` (`15;0`): rxvt's way of telling; the last number is the background's ANSI colour.
pub fn from_colorfgbg(value: &str) -> Option<Background> {
    let number: u8 = value.rsplit(';').next()?.parse().ok()?;
    Some(if matches!(number, 7 | 9..=15) { Background::Light } else { Background::Dark })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_terminals_answer() {
        assert_eq!(brightness(b"\x1b]11;rgb:1414/1616/1b1b\x1b\\\x1b[?62;c"), Some(Background::Dark));
        assert_eq!(brightness(b"\x1b]11;rgb:fa/fa/fa\x07"), Some(Background::Light));
        assert_eq!(brightness(b"\x1b[?62;c"), None);
        assert_eq!(brightness(b"\x1b]11;rgb:zz/00/00"), None);
        assert!(fenced(b"\x1b[?62;22c") && !fenced(b"\x1b]11;rgb:1c1c/1c1c/1c1c\x1b\\"));
        assert_eq!(from_colorfgbg("15;0"), Some(Background::Dark));
        assert_eq!(from_colorfgbg("0;default;15"), Some(Background::Light));
        assert_eq!(from_colorfgbg("x"), None);
    }
}
