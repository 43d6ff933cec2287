//! The losses of a training run as a picture, over the Braille that is drawn anyway, in terminals that speak kitty's graphics
//! protocol. The loop asks for a picture after each frame; it is made on a blocking thread, one at a time and at most one a
//! second, so that no key waits for it. What lies beneath shows until it is there, and wherever there is none.

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::cursor::{MoveTo, RestorePosition, SavePosition};
use crossterm::queue;
use ratatui::layout::Rect;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::theme::Background;
use crate::charts::{Chart, FitLosses, LossCurves, Palette};
use crate::train::progress::Curve;

/// The number of our picture; there is one at a time.
const ID: u32 = 4_711;
/// Most base64 in one escape sequence, by the protocol.
const CHUNK: usize = 4_096;
/// Larger pictures are not sent: writing them could take as long as a frame.
const LARGEST: usize = 256 * 1024;
/// Tallest cell beside which text of a chart at its plain size reads well, pixels.
const TEXT: u32 = 24;
/// Shortest time between two pictures.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks whether a picture of one pixel could be shown, without showing it.
pub const QUESTION: &[u8] = b"\x1b_Gi=4711,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";

/// Whether the terminal's answer says that it could.
pub fn answered(answer: &[u8]) -> bool {
    let yes = b"\x1b_Gi=4711;OK";
    answer.windows(yes.len()).any(|w| w == yes)
}

/// Whether pictures may be asked for at all: a multiplexer passes neither the question nor where a picture goes.
pub fn allowed(setting: &str, plain: bool, env: impl Fn(&str) -> Option<String>) -> bool {
    let inside = |name: &str| env(name).is_some_and(|v| !v.is_empty());
    let term = env("TERM").unwrap_or_default();
    let multiplexed = ["TMUX", "STY", "ZELLIJ"].into_iter().any(inside) || term.starts_with("tmux") || term.starts_with("screen");
    setting == "auto" && !plain && !multiplexed
}

/// A picture of losses at a place of the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Cells that it covers.
    pub area: Rect,
    /// What it shows.
    pub curve: Curve,
}

impl Picture {
    /// Whether it is the same fit at the same place, an epoch earlier or later.
    fn stands_for(&self, other: &Self) -> bool {
        let of = |p: &Self| (p.area, p.curve.model, p.curve.fold, p.curve.seed);
        of(self) == of(other)
    }

    /// The PNG; `None` where it cannot be drawn or is too large to be sent.
    fn drawn(&self, cell: (u16, u16), palette: &Palette) -> Option<Vec<u8>> {
        let Curve { train, stop, best, .. } = self.curve.clone();
        let chart = Chart::Loss(LossCurves { fits: vec![FitLosses { name: self.curve.words(), train, stop, best }] });
        let size = (u32::from(self.area.width) * u32::from(cell.0), u32::from(self.area.height) * u32::from(cell.1));
        // Text as large as the terminal's own, as far as whole scales allow.
        let scale = u32::from(cell.1).div_ceil(TEXT);
        chart.bare_png(palette, size, scale).ok().filter(|png| png.len() <= LARGEST)
    }
}

/// Which picture is on the screen, and which is being made.
pub struct Images {
    /// Pixels of a cell.
    cell: (u16, u16),
    palette: Palette,
    shown: Option<Picture>,
    at_work: bool,
    ready: Option<(Picture, Vec<u8>)>,
    next: Instant,
    done: mpsc::UnboundedSender<(Picture, Option<Vec<u8>>)>,
    made: mpsc::UnboundedReceiver<(Picture, Option<Vec<u8>>)>,
}

impl Images {
    /// Pictures in cells of so many pixels; `None` where the terminal does not tell how many.
    pub fn new(cell: (u16, u16), background: Background) -> Option<Self> {
        let palette = if background == Background::Dark { Palette::DARK } else { Palette::LIGHT };
        let (done, made) = mpsc::unbounded_channel();
        let images = Self { cell, palette, shown: None, at_work: false, ready: None, next: Instant::now(), done, made };
        (cell.0 > 0 && cell.1 > 0).then_some(images)
    }

    /// Pixels of a cell, by the kernel's word on the terminal; zero where it does not know.
    pub fn cell() -> (u16, u16) {
        let size = crossterm::terminal::window_size();
        size.map_or((0, 0), |s| (s.width / s.columns.max(1), s.height / s.rows.max(1)))
    }

    /// Waits until a picture was made. Cancel-safe: it is in the channel until it is taken.
    pub async fn made(&mut self) {
        if let Some((picture, png)) = self.made.recv().await {
            self.at_work = false;
            self.ready = png.map(|png| (picture, png));
        }
    }

    /// Brings the screen to what is wanted now: shows what is ready, has the rest made, takes away what is wanted no more.
    pub fn show(&mut self, out: &mut impl Write, wanted: Option<Picture>) -> io::Result<()> {
        if self.shown.as_ref().is_some_and(|shown| wanted.as_ref().is_none_or(|w| !w.stands_for(shown))) {
            self.hide(out)?;
        }
        let Some(wanted) = wanted else { return Ok(()) };
        if let Some((picture, png)) = self.ready.take().filter(|(picture, _)| picture.stands_for(&wanted)) {
            place(out, picture.area, &png)?;
            self.shown = Some(picture);
        }
        if self.shown.as_ref() != Some(&wanted) && !self.at_work && Instant::now() >= self.next {
            self.make(wanted);
        }
        Ok(())
    }

    fn make(&mut self, wanted: Picture) {
        (self.at_work, self.next) = (true, Instant::now() + PAUSE);
        let (cell, palette, done) = (self.cell, self.palette, self.done.clone());
        tokio::task::spawn_blocking(move || {
            let png = wanted.drawn(cell, &palette);
            // The console may have ended.
            drop(done.send((wanted, png)));
        });
    }

    /// Takes the picture away.
    pub fn hide(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.shown.take().is_some() {
            write!(out, "\x1b_Ga=d,d=I,i={ID},q=2\x1b\\")?;
        }
        Ok(())
    }

    /// The screen was cleared, and the picture with it; cells may have another size.
    pub fn cleared(&mut self) {
        (self.shown, self.ready, self.cell) = (None, None, Self::cell());
    }
}

/// Sends a picture in place of the one before and leaves the cursor where it was.
fn place(out: &mut impl Write, area: Rect, png: &[u8]) -> io::Result<()> {
    queue!(out, SavePosition, MoveTo(area.x, area.y))?;
    let text = STANDARD.encode(png);
    let chunks = text.as_bytes().chunks(CHUNK);
    let last = chunks.len().saturating_sub(1);
    for (i, chunk) in chunks.enumerate() {
        let more = u8::from(i < last);
        match i {
            0 => write!(out, "\x1b_Ga=T,f=100,t=d,i={ID},p=1,c={},r={},C=1,q=2,m={more};", area.width, area.height)?,
            _ => write!(out, "\x1b_Gm={more},q=2;")?,
        }
        out.write_all(chunk)?;
        out.write_all(b"\x1b\\")?;
    }
    queue!(out, RestorePosition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::strategy::ModelName;

    fn picture(epochs: usize, x: u16) -> Picture {
        let train = (0..epochs).map(|e| 1.0 / (e + 1) as f32).collect();
        let curve = Curve { model: ModelName::Mlp, fold: Some(1), seed: 0, train, stop: Vec::new(), best: 1, epochs: 40, live: true };
        Picture { area: Rect::new(x, 2, 60, 12), curve }
    }

    /// What `show` writes.
    fn shown(images: &mut Images, wanted: Option<Picture>) -> String {
        let mut out = Vec::new();
        images.show(&mut out, wanted).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn multiplexers_plain_screens_and_the_setting_keep_pictures_away() {
        let env = |pairs: &'static [(&str, &str)]| move |name: &str| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
        assert!(allowed("auto", false, env(&[("TERM", "xterm-kitty")])));
        assert!(!allowed("off", false, env(&[("TERM", "xterm-kitty")])));
        assert!(!allowed("auto", true, env(&[("TERM", "xterm-kitty")])));
        assert!(
            !allowed("auto", false, env(&[("TMUX", "/tmp/tmux-1/default")]))
                && !allowed("auto", false, env(&[("TERM", "screen-256color")]))
        );
        assert!(
            answered(b"\x1b]11;rgb:0/0/0\x1b\\\x1b_Gi=4711;OK\x1b\\\x1b[?62;c") && !answered(b"\x1b_Gi=4711;ENOTSUPPORTED\x1b\\\x1b[?62;c")
        );
    }

    #[test]
    fn a_picture_is_sent_in_pieces_that_decode_to_it() {
        let png: Vec<u8> = (0..10_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut out = Vec::new();
        place(&mut out, Rect::new(3, 4, 50, 9), &png).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("\x1b7\x1b[5;4H\x1b_Ga=T,f=100,t=d,i=4711,p=1,c=50,r=9,C=1,q=2,m=1;") && out.ends_with("\x1b8"), "{out:?}");
        let pieces: Vec<&str> = out.split("\x1b_G").skip(1).map(|p| p.split_once(';').unwrap().1.split_once('\x1b').unwrap().0).collect();
        assert!(pieces.len() == 4 && pieces.iter().all(|p| p.len() <= CHUNK));
        assert_eq!(STANDARD.decode(pieces.concat()).unwrap(), png);
        assert_eq!(out.matches("m=0").count(), 1, "only the last piece is the last");
    }

    #[tokio::test(start_paused = true)]
    async fn a_picture_is_made_aside_shown_once_and_taken_away() {
        assert!(Images::new((0, 0), Background::Dark).is_none());
        let mut images = Images::new((8, 16), Background::Dark).unwrap();
        assert_eq!(shown(&mut images, Some(picture(5, 1))), "", "the frame does not wait for it");
        images.made().await;
        assert!(shown(&mut images, Some(picture(5, 1))).contains("a=T"));
        assert_eq!(shown(&mut images, Some(picture(5, 1))), "", "what is there is not sent again");
        assert_eq!(shown(&mut images, Some(picture(6, 1))), "");
        assert!(!images.at_work, "not yet: at most one a second");
        tokio::time::advance(PAUSE).await;
        shown(&mut images, Some(picture(7, 1)));
        images.made().await;
        assert!(shown(&mut images, Some(picture(8, 1))).contains("a=T"), "an epoch behind is still the same fit");
        assert!(shown(&mut images, Some(picture(8, 9))).contains("a=d"), "another place: what lies beneath shows meanwhile");
        tokio::time::advance(PAUSE).await;
        shown(&mut images, Some(picture(8, 9)));
        images.made().await;
        shown(&mut images, Some(picture(8, 9)));
        assert!(shown(&mut images, None).contains("a=d") && shown(&mut images, None).is_empty());
    }
}
