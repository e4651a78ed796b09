//! Secrets and logins of the user, on their way into a submission: where each is read from. No value is ever shown.

mod docker;
mod submitted;

pub use docker::{DockerConfig, HUB, host};
pub use submitted::{Gathered, declared, registries};

use crate::{error::Error, system};
use acre_model::{
    ids::SecretId,
    secret::{SECRET_SIZE, SecretValue},
    text::clip,
};
use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Where a value comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line itself.
    Given(SecretValue),
    /// A variable of the environment.
    Env(String),
    /// A file, byte for byte.
    File(PathBuf),
    /// The variable of this name if there is one, else the file of this name.
    EnvOrFile(String),
}

impl Origin {
    /// The value; the error does not say what it is for.
    pub fn read(self) -> Result<SecretValue, String> {
        match self {
            Self::Given(value) => bounded(value, "the value"),
            Self::Env(name) => variable(&name, env::var_os(&name)),
            Self::File(path) => file(&path),
            Self::EnvOrFile(name) => match env::var_os(&name) {
                None if !Path::new(&name).exists() => {
                    let shown = clip(&name);
                    Err(format!("there is no variable `{shown}` and no file `{shown}`; write src=FILE or env=NAME"))
                }
                None => file(Path::new(&name)),
                value => variable(&name, value),
            },
        }
    }
}

fn variable(name: &str, value: Option<OsString>) -> Result<SecretValue, String> {
    let shown = clip(name);
    let value = value.ok_or_else(|| format!("there is no variable `{shown}` in the environment"))?;
    let bytes = system::bytes_of(value).ok_or_else(|| format!("variable `{shown}` is not Unicode"))?;
    bounded(SecretValue::new(bytes), &format!("variable `{shown}`"))
}

fn file(path: &Path) -> Result<SecretValue, String> {
    let shown = clip(&path.display().to_string());
    let opened = File::open(path).map_err(|why| format!("cannot read {shown}: {why}"))?;
    bounded(read(opened, &shown)?, &shown)
}

/// At most one byte more than a secret may have.
fn read(from: impl Read, shown: &str) -> Result<SecretValue, String> {
    let mut bytes = Vec::new();
    let read = from.take(SECRET_SIZE as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|why| format!("cannot read {shown}: {why}"))?;
    Ok(SecretValue::new(bytes))
}

fn bounded(value: SecretValue, shown: &str) -> Result<SecretValue, String> {
    if value.expose().len() > SECRET_SIZE {
        return Err(format!("{shown} is larger than 64 KiB, the limit of a secret"));
    }
    Ok(value)
}

/// What is on standard input, but for one line break at its end, which `echo` and editors put there.
pub fn read_stdin() -> Result<SecretValue, Error> {
    let value = read(io::stdin(), "standard input").and_then(|value| bounded(value, "standard input"));
    value.map(|value| without_line_break(&value)).map_err(Error::Usage)
}

/// Asks a person on the terminal, who does not see what is typed.
pub fn ask(question: &str) -> Result<SecretValue, Error> {
    let terminal = console::Term::stderr();
    let ask = || {
        terminal.write_str(question)?;
        terminal.read_secure_line()
    };
    let typed = ask().map_err(Error::file("cannot ask on the terminal"))?;
    Ok(SecretValue::new(typed.into_bytes()))
}

fn without_line_break(value: &SecretValue) -> SecretValue {
    let bytes = value.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    SecretValue::new(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec())
}

/// A file of the user as a secret.
pub fn read_file(path: &Path) -> Result<SecretValue, Error> {
    file(path).map_err(Error::Usage)
}

/// The word of a `--set-secret`: its name, and where its value comes from.
pub fn set(word: &str) -> Result<(String, Origin), Error> {
    let (name, origin) = match word.split_once('=') {
        None => (word, Origin::Env(word.to_owned())),
        Some((name, value)) => match value.strip_prefix('@') {
            Some(path) => (name, Origin::File(path.into())),
            None => (name, Origin::Given(SecretValue::new(value.as_bytes().to_vec()))),
        },
    };
    // Never the whole word, which may hold the value.
    match SecretId::of_set(name) {
        Ok(_) if !name.is_empty() => Ok((name.to_owned(), origin)),
        _ => {
            let shown = clip(name);
            Err(Error::Usage(format!(
                "--set-secret `{shown}`: the name must be 1 to 123 of A-Z, a-z, 0-9, _ . and -; write KEY, KEY=@FILE or KEY=VALUE"
            )))
        }
    }
}

/// The word of a `--secret`, as `docker build` takes it: `id=ID[,src=FILE|,env=NAME][,type=file|env]`.
pub fn of_build(word: &str) -> Result<(SecretId, Origin), Error> {
    let bad = |why: String| Error::Usage(format!("--secret `{}`: {why}", clip(word)));
    let (mut id, mut file, mut variable) = (None, None, None);
    for part in word.split(',') {
        match part.split_once('=') {
            Some(("id", value)) => id = Some(value),
            Some(("src" | "source", value)) => file = Some(value),
            Some(("env", value)) => variable = Some(value),
            Some(("type", "file" | "env")) => {}
            _ => return Err(bad("write id=ID, id=ID,src=FILE or id=ID,env=NAME".to_owned())),
        }
    }
    // `type=env,src=NAME` is another way to write `env=NAME`.
    if word.split(',').any(|part| part == "type=env") {
        variable = variable.or(file.take());
    }
    let id: SecretId =
        id.ok_or_else(|| bad("it has no id".to_owned()))?.parse().map_err(|why| bad(format!("{why}")))?;
    let origin = match (file, variable) {
        (Some(file), None) => Origin::File(file.into()),
        (None, Some(name)) => Origin::Env(name.to_owned()),
        (None, None) => Origin::EnvOrFile(id.to_string()),
        (Some(_), Some(_)) => return Err(bad("it has src and env; write one of them".to_owned())),
    };
    Ok((id, origin))
}

/// The word of an `--ssh`: the id of a key, and its file.
pub fn of_ssh(word: &str) -> Result<(SecretId, Origin), Error> {
    let bad = |why: &str| Error::Usage(format!("--ssh `{}`: {why}", clip(word)));
    let no_agent = "keys of an ssh agent stay on this machine; name the file of a private key, as default=KEYFILE";
    let (id, path) = word.split_once('=').ok_or_else(|| bad(no_agent))?;
    let id: SecretId = id.parse().map_err(|why| bad(&format!("{why}")))?;
    if path.contains(',') {
        return Err(bad("one key has one id; repeat --ssh for further ones"));
    }
    if std::fs::metadata(path).is_ok_and(|data| system::is_socket(&data)) {
        return Err(bad(no_agent));
    }
    Ok((id, Origin::File(path.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Origin {
        Origin::Given(SecretValue::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_secret_comes_from_where_its_word_says() {
        let table = [
            ("k", "k", Origin::Env("k".to_owned())),
            ("k=@a/b", "k", Origin::File("a/b".into())),
            ("k=v=w", "k", given("v=w")),
            ("a.b=", "a.b", given("")),
        ];
        for (word, name, origin) in table {
            assert_eq!(set(word).unwrap(), (name.to_owned(), origin), "{word}");
        }
        let env = |name: &str| Origin::Env(name.to_owned());
        let table = [
            ("id=x", "x", Origin::EnvOrFile("x".to_owned())),
            ("id=x,src=f", "x", Origin::File("f".into())),
            ("type=file,id=x,source=f", "x", Origin::File("f".into())),
            ("id=x,env=E", "x", env("E")),
            ("id=x,type=env,src=E", "x", env("E")),
        ];
        for (word, id, origin) in table {
            assert_eq!(of_build(word).unwrap(), (id.parse().unwrap(), origin), "{word}");
        }
        assert_eq!(of_ssh("default=key").unwrap(), ("default".parse().unwrap(), Origin::File("key".into())));
    }

    #[test]
    fn a_word_that_does_not_do_is_refused_without_its_value() {
        let table = [
            (set("=s3cret").unwrap_err(), "--set-secret ``: the name must be"),
            (set("a b=s3cret").unwrap_err(), "--set-secret `a b`: the name must be"),
            (set(&format!("{}=s3cret", "a".repeat(124))).unwrap_err(), "the name must be"),
            (of_build("src=f").unwrap_err(), "it has no id"),
            (of_build("x").unwrap_err(), "write id=ID"),
            (of_build("id=a b").unwrap_err(), "is not a secret id"),
            (of_build("id=x,src=f,env=E").unwrap_err(), "write one of them"),
            (of_ssh("default").unwrap_err(), "keys of an ssh agent stay on this machine"),
            (of_ssh("default=a,b").unwrap_err(), "repeat --ssh"),
        ];
        for (fault, expected) in table {
            let fault = fault.to_string();
            assert!(fault.contains(expected) && !fault.contains("s3cret"), "{expected}: {fault}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_had_is_told_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, vec![b'x'; SECRET_SIZE + 1]).unwrap();
        let table = [
            (Origin::Env("ACRE_NO_SUCH_VARIABLE".to_owned()), "no variable `ACRE_NO_SUCH_VARIABLE`"),
            (Origin::EnvOrFile("ACRE_NO_SUCH".to_owned()), "write src=FILE or env=NAME"),
            (Origin::File(folder.path().join("none")), "No such file"),
            (Origin::File(folder.path().to_owned()), "cannot read"),
            (Origin::File(large), "is larger than 64 KiB"),
            (given(&"x".repeat(SECRET_SIZE + 1)), "the value is larger than 64 KiB"),
        ];
        for (origin, expected) in table {
            let fault = origin.read().unwrap_err();
            assert!(fault.contains(expected), "{expected}: {fault}");
        }
        let small = folder.path().join("small");
        std::fs::write(&small, b"a\xff\n").unwrap();
        assert_eq!(Origin::File(small).read().unwrap().expose(), b"a\xff\n");
    }

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_a_typed_value() {
        for (typed, expected) in [("x", "x"), ("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("", "")] {
            let value = without_line_break(&SecretValue::new(typed.as_bytes().to_vec()));
            assert_eq!(value.expose(), expected.as_bytes(), "{typed:?}");
        }
    }
}
