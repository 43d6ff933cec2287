//! Runs the built binary with folders of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A data folder, a configuration folder, and the binary that uses them.
pub struct Desk {
    pub dir: tempfile::TempDir,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("config")).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary with this desk's folders, a clean environment and no terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
        command.env_clear().env("HOME", self.dir.path()).env("NIGHTDESK_CONFIG_DIR", self.path("config"));
        command.env("NIGHTDESK_DATA_DIR", self.path("data")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap(), self.dir.path())
    }

    /// Runs and expects success.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Runs and reads the one JSON object it must print.
    pub fn json(&self, arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
        let ran = self.run(arguments);
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {ran:?}"));
        assert!(value.is_object());
        (ran.code, value)
    }
}

impl Ran {
    fn of(output: Output, dir: &Path) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&dir.display().to_string(), "DIR");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}
