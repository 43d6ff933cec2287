//! Old log files, packed one by one: the original goes when its packed copy has been read back.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use tokio_util::sync::CancellationToken;

use super::files::{self, PARTIAL};
use super::{Did, Fault};

const PREFIX: &str = "nightdesk.";
const SUFFIX: &str = ".log";

/// Removes what an earlier run left unfinished.
pub(super) fn tidy(logs: &Path) -> Result<usize, Fault> {
    let archive = logs.join("archive");
    let unfinished = |n: &String| n.starts_with(".nightdesk.") && n.ends_with(PARTIAL);
    let left: Vec<_> = files::names(&archive)?.into_iter().filter(unfinished).collect();
    for name in &left {
        let path = archive.join(name);
        fs::remove_file(&path).map_err(Fault::io("remove", &path))?;
    }
    Ok(left.len())
}

/// Packs the daily files of days before `today - days` into `archive`, with the mode they had.
pub(super) fn archive(logs: &Path, today: NaiveDate, days: u32, stop: &CancellationToken) -> Result<Did, Fault> {
    let Some(before) = today.checked_sub_days(Days::new(days.into())) else {
        return Ok(Did::new("no log is that old".to_owned()));
    };
    let old = |name: &String| {
        let date = name.strip_prefix(PREFIX).and_then(|n| n.strip_suffix(SUFFIX)).and_then(|d| d.parse::<NaiveDate>().ok());
        date.is_some_and(|d| d < before)
    };
    let due: Vec<_> = files::names(logs)?.into_iter().filter(old).collect();
    let archive = logs.join("archive");
    if !due.is_empty() {
        files::private_dir(&archive)?;
    }
    let (mut plain, mut packed) = (0, 0);
    for name in &due {
        let from = logs.join(name);
        let unfinished = archive.join(format!(".{name}.gz{PARTIAL}"));
        let sizes = pack(&from, &unfinished, stop);
        if sizes.is_err() {
            // The failure that led here is the one to report.
            let _ = fs::remove_file(&unfinished);
        }
        let (read, written) = sizes?;
        files::put_in_place(&unfinished, &unused(&archive, name))?;
        fs::remove_file(&from).map_err(Fault::io("remove", &from))?;
        plain += read;
        packed += written;
    }
    Ok(Did::new(format!("{} files packed to {} KiB", due.len(), packed.div_ceil(1024))).bytes(plain))
}

/// A name that is free: the clock may have been set back, and nothing in the archive is ever replaced.
fn unused(archive: &Path, name: &str) -> PathBuf {
    let mut path = archive.join(format!("{name}.gz"));
    let mut n = 2_u32;
    while path.exists() {
        path = archive.join(format!("{name}.{n}.gz"));
        n += 1;
    }
    path
}

/// Packs `from` into `to` and reads it back; gives the bytes of both.
fn pack(from: &Path, to: &Path, stop: &CancellationToken) -> Result<(u64, u64), Fault> {
    let source = File::open(from).map_err(Fault::io("read", from))?;
    let mode = source.metadata().map_err(Fault::io("read", from))?.permissions().mode() & 0o777;
    let target = files::new_file(to, mode)?;
    // The process's umask may have taken bits away.
    target.set_permissions(Permissions::from_mode(mode)).map_err(Fault::io("set the permissions of", to))?;
    let written = (|| {
        let mut encoder = GzEncoder::new(BufWriter::new(&target), Compression::default());
        let read = io::copy(&mut Until { inner: BufReader::new(&source), stop }, &mut encoder)?;
        encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let packed = BufReader::new(File::open(to)?);
        // The decoder compares the checksum at the end of the file.
        let back = io::copy(&mut Until { inner: GzDecoder::new(packed), stop }, &mut io::sink())?;
        if back == read { Ok(read) } else { Err(io::Error::other("the packed file holds less than the log")) }
    })();
    match written {
        Ok(read) => Ok((read, files::size(to))),
        Err(_) if stop.is_cancelled() => Err(Fault::Stopped),
        Err(e) => Err(Fault::io("pack", from)(e)),
    }
}

/// A reader that fails when it is told to stop.
struct Until<'a, R> {
    inner: R,
    stop: &'a CancellationToken,
}

impl<R: Read> Read for Until<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() { Err(io::Error::other("stopped")) } else { self.inner.read(buffer) }
    }
}
