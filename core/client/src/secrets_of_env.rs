//! Secrets that a program finds in its environment.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use secondme_avatar_protocol::{Error, ErrorKind, OptionName};

const KEY: &str = "SECONDME_API_KEY";
const KEY_FILE: &str = "SECONDME_API_KEY_FILE";

/// What a file with a key holds at most, in bytes. A file without an end, such as `/dev/zero`, ends there.
const FILE_LIMIT: u64 = 8 * 1024;

/// Returns the API key in `SECONDME_API_KEY`, or in the file that `SECONDME_API_KEY_FILE` names, as containers and
/// service managers hand out secrets. A line break at the file's end is left out. A variable that is empty counts as
/// not set.
///
/// # Errors
///
/// Fails with kind [`Misuse`](ErrorKind::Misuse) if neither of the two is set or both are, and if the file cannot be
/// read or is empty. The text does not show what is in the file.
pub fn api_key_from_env() -> Result<String, Error> {
    api_key(|name| std::env::var_os(name))
}

/// Returns a setting that has to be there; `what` names it in words.
pub(crate) fn needed(name: &str, what: &str) -> Result<String, Error> {
    match set(&|name| std::env::var_os(name), name) {
        Some(value) => Ok(value.to_string_lossy().into_owned()),
        None => Err(misuse(format!("{name} is not set: put {what} there, or pass it"))),
    }
}

fn api_key(look_up: impl Fn(&str) -> Option<OsString>) -> Result<String, Error> {
    match (set(&look_up, KEY), set(&look_up, KEY_FILE)) {
        (Some(key), None) => {
            key.into_string().map_err(|_| misuse(format!("{KEY} is not UTF-8: copy the API key again")))
        }
        (None, Some(path)) => in_file(&path),
        (Some(_), Some(_)) => {
            Err(misuse(format!("{KEY} and {KEY_FILE} are both set: keep the one that is meant")))
        }
        (None, None) => Err(misuse(format!(
            "{KEY} is not set: put the avatar's API key there, or the path of a file that holds it into {KEY_FILE}, \
             or pass it as {}",
            OptionName::API_KEY
        ))),
    }
}

fn set(look_up: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    look_up(name).filter(|value| !value.is_empty())
}

fn in_file(path: &OsStr) -> Result<String, Error> {
    let path = Path::new(path);
    let file = path.display();
    let bytes = read(path)
        .map_err(|error| misuse(format!("{KEY_FILE} names {file}, which cannot be read ({error})")))?;
    if bytes.len() as u64 > FILE_LIMIT {
        let message = format!("{KEY_FILE} names {file}, which is longer than a file with an API key alone");
        return Err(misuse(message));
    }
    let text = String::from_utf8_lossy(&bytes);
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(misuse(format!("{KEY_FILE} names {file}, which is empty: put the avatar's API key there"))),
        key => Ok(key.to_owned()),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn misuse(message: String) -> Error {
    Error::new(ErrorKind::Misuse, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, file: &str) -> Result<String, Error> {
        api_key(|name| Some(OsString::from(if name == KEY { key } else { file })))
    }

    #[test]
    fn a_key_is_read_from_the_environment_or_from_the_file_that_it_names() {
        let path = std::env::temp_dir().join(format!("secondme-avatar-key-{}", std::process::id()));
        let file = path.to_str().unwrap();
        for written in ["sk-file", "sk-file\n", "sk-file\r\n"] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(found("", file).unwrap(), "sk-file");
        }
        assert_eq!(found("sk-variable", "").unwrap(), "sk-variable");
        let refused = |key, file| {
            let error = found(key, file).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
            error.to_string()
        };
        let both = refused("sk-variable", file);
        assert!(both.contains("both set") && !both.contains("sk-"), "{both}");
        assert!(refused("", "").contains("SECONDME_API_KEY is not set"));
        std::fs::write(&path, "\n").unwrap();
        assert!(refused("", file).contains("is empty"));
        std::fs::write(&path, vec![b'k'; 10_000]).unwrap();
        assert!(refused("", file).contains("longer than"));
        std::fs::remove_file(&path).unwrap();
        let missing = refused("", file);
        assert!(missing.contains(file) && missing.contains("cannot be read"), "{missing}");
    }
}
