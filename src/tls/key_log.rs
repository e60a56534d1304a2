//! A file that the secrets of sessions are appended to, in NSS's key log format.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use rustls::KeyLog;

use crate::error::Error;

/// Those that are open, by their paths: all configurations with the same path share one.
static FILES: Mutex<Option<HashMap<String, Weak<KeyFile>>>> = Mutex::new(None);

/// One that is open.
#[derive(Debug)]
pub(super) struct KeyFile {
    file: Mutex<File>,
}

impl KeyFile {
    /// Opens it, or shares it. It is made for its owner only.
    ///
    /// # Errors
    /// [`Error::Option`] names the file.
    pub(super) fn open(path: &str) -> Result<Arc<Self>, Error> {
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        let files = files.get_or_insert_with(HashMap::new);
        if let Some(open) = files.get(path).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let file = append(path).map_err(|error| Error::Option {
            code: "ERR_INVALID_OPTION",
            detail: format!(
                "invalid option: `keyLog` names {path}, which cannot be opened: {error}; name a file that can be written"
            ),
        })?;
        let opened = Arc::new(Self { file: Mutex::new(file) });
        files.retain(|_, file| file.strong_count() > 0);
        files.insert(path.to_owned(), Arc::downgrade(&opened));
        Ok(opened)
    }
}

fn append(path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = label.to_owned();
        for bytes in [client_random, secret] {
            line.push(' ');
            for byte in bytes {
                let _ = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        // In one call: other threads and processes may append, too. A full disk is no reason to end the connection.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_appended_to_one_file_for_its_owner() {
        let path = std::env::temp_dir().join(format!("wintersock-keys-{}", std::process::id()));
        let name = path.to_str().unwrap();
        let first = KeyFile::open(name).unwrap();
        let second = KeyFile::open(name).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        first.log("CLIENT_RANDOM", &[1, 0xab], &[0xff]);
        second.log("EXPORTER_SECRET", &[2], &[]);
        drop((first, second));
        KeyFile::open(name).unwrap().log("LAST", &[3], &[4]);
        let written = std::fs::read_to_string(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(written, "CLIENT_RANDOM 01ab ff\nEXPORTER_SECRET 02 \nLAST 03 04\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let error = KeyFile::open("/nonexistent/keys").unwrap_err();
        assert_eq!(error.code(), "ERR_INVALID_OPTION");
        assert!(error.to_string().contains("`keyLog` names /nonexistent/keys"), "{error}");
    }
}
