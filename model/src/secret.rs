//! Secrets. In every text and record a secret stands as a token: its id and the filters put on it, under a nonce that
//! the text's author does not know. The token is opened when an attempt is sent to its agent, and nowhere else.

use crate::{ids::SecretId, text::clip};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The ends of a token: private-use characters of Unicode's private plane 15, which no keyboard writes and YAML lets through.
const BEGIN: char = '\u{f0002}';
const END: char = '\u{f0003}';

/// Most bytes of one secret.
pub const SECRET_SIZE: usize = 64 << 10;

/// What a task says of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDecl {
    /// Its id.
    pub id: SecretId,
    /// Where its value comes from.
    pub from: SecretSource,
    /// Line of the task file, from 1.
    pub line: u32,
}

/// Where a secret's value comes from. Whatever it says, a value that came with the submission wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// With the submission, or not at all.
    Submission,
    /// A variable of the client's environment, read at submission.
    Env(String),
    /// A file of the client's machine, read at submission.
    File(String),
    /// A field of a secret in Vault (KV version 2), read by the farm.
    Vault {
        /// `mount/path`.
        path: String,
        /// The field.
        field: String,
    },
    /// The project's own store.
    Project(SecretId),
    /// A key vault of Azure, which acre does not read.
    KeyVault(String),
}

/// What makes tokens of one rendering impossible to forge: 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce of these random bits.
    pub fn new(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }
}

/// What is done to a secret when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// To base64.
    B64Enc,
    /// From base64.
    B64Dec,
    /// White space off both ends.
    Trim,
    /// Double quotes around it, as Go's `strconv.Quote`.
    Quote,
    /// Single quotes around it.
    SingleQuote,
    /// So many blanks before every line.
    Indent(u8),
    /// As `Indent`, behind a line break.
    NIndent(u8),
    /// As a JSON string.
    ToJson,
}

impl Filter {
    /// The filter of a template function, with its one number where it takes one.
    pub fn of_function(name: &str, number: Option<u8>) -> Option<Self> {
        Some(match (name, number) {
            ("b64enc", None) => Self::B64Enc,
            ("b64dec", None) => Self::B64Dec,
            ("trim", None) => Self::Trim,
            ("quote", None) => Self::Quote,
            ("squote", None) => Self::SingleQuote,
            ("indent", Some(blanks)) => Self::Indent(blanks),
            ("nindent", Some(blanks)) => Self::NIndent(blanks),
            ("toJson", None) => Self::ToJson,
            _ => return None,
        })
    }

    fn apply(self, value: &[u8]) -> Result<Vec<u8>, &'static str> {
        let text = || std::str::from_utf8(value).map_err(|_| "it is not UTF-8; only `b64enc` takes such a value");
        let indent = |blanks: u8, text: &str| {
            let pad = " ".repeat(usize::from(blanks));
            format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
        };
        Ok(match self {
            Self::B64Enc => data_encoding::BASE64.encode(value).into_bytes(),
            Self::B64Dec => {
                data_encoding::BASE64.decode(value).map_err(|_| "it is not base64, and `b64dec` is put on it")?
            }
            Self::Trim => text()?.trim().as_bytes().to_vec(),
            Self::Quote | Self::ToJson => serde_json::to_vec(text()?).unwrap_or_default(),
            Self::SingleQuote => format!("'{}'", text()?).into_bytes(),
            Self::Indent(blanks) => indent(blanks, text()?).into_bytes(),
            Self::NIndent(blanks) => format!("\n{}", indent(blanks, text()?)).into_bytes(),
        })
    }
}

/// Its name in a token: the template function, with its number.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::B64Enc => f.write_str("b64enc"),
            Self::B64Dec => f.write_str("b64dec"),
            Self::Trim => f.write_str("trim"),
            Self::Quote => f.write_str("quote"),
            Self::SingleQuote => f.write_str("squote"),
            Self::Indent(blanks) => write!(f, "indent{blanks}"),
            Self::NIndent(blanks) => write!(f, "nindent{blanks}"),
            Self::ToJson => f.write_str("toJson"),
        }
    }
}

impl FromStr for Filter {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        // `toJson` and the base64 names end with no digit, so what was cut off is the number.
        let number = text[name.len()..].parse().ok();
        Self::of_function(name, number).ok_or(())
    }
}

/// A secret's place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which secret.
    pub id: SecretId,
    /// What is done to it, the first one first.
    pub filters: Vec<Filter>,
}

/// A piece of a text that may hold tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A secret.
    Secret(Token),
}

impl Token {
    /// The token as it stands in a text.
    pub fn write(&self, nonce: &Nonce) -> String {
        let filters: String = self.filters.iter().map(|filter| format!("|{filter}")).collect();
        format!("{BEGIN}{}:{}{filters}{END}", nonce.0, self.id)
    }

    fn parse(inside: &str, nonce: &Nonce) -> Option<Self> {
        let mut parts = inside.strip_prefix(nonce.0.as_str())?.strip_prefix(':')?.split('|');
        let id = parts.next()?.parse().ok()?;
        let filters = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { id, filters })
    }
}

/// Whether a text has something that looks like a token, of whatever rendering.
pub fn may_hold_tokens(text: &str) -> bool {
    text.contains(BEGIN)
}

/// The pieces of a text. What only looks like a token (another nonce, no nonce) is text.
pub fn pieces<'a>(text: &'a str, nonce: &Nonce) -> Vec<Piece<'a>> {
    let (mut pieces, mut begin, mut from) = (Vec::new(), 0, 0);
    while let Some(at) = text[from..].find(BEGIN).map(|at| from + at) {
        let inside = at + BEGIN.len_utf8();
        from = inside;
        let Some(length) = text[inside..].find(END) else { break };
        let Some(token) = Token::parse(&text[inside..inside + length], nonce) else { continue };
        if at > begin {
            pieces.push(Piece::Text(&text[begin..at]));
        }
        pieces.push(Piece::Secret(token));
        from = inside + length + END.len_utf8();
        begin = from;
    }
    if begin < text.len() {
        pieces.push(Piece::Text(&text[begin..]));
    }
    pieces
}

/// The tokens of a text.
pub fn tokens(text: &str, nonce: &Nonce) -> Vec<Token> {
    let pieces = pieces(text, nonce).into_iter();
    pieces.filter_map(|piece| if let Piece::Secret(token) = piece { Some(token) } else { None }).collect()
}

/// A text for people: every token as `{{.Secrets.id}}`.
pub fn shown(text: &str, nonce: &Nonce) -> String {
    let show = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Secret(token) => {
            let filters: String = token.filters.iter().map(|filter| format!(" | {filter}")).collect();
            format!("{{{{.Secrets.{}{filters}}}}}", token.id)
        }
    };
    pieces(text, nonce).into_iter().map(show).collect()
}

/// A secret's value. It prints as nothing but its length.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretValue(Vec<u8>);

impl SecretValue {
    /// A value.
    pub const fn new(value: Vec<u8>) -> Self {
        Self(value)
    }

    /// The value itself: for opening, sealing, masking and the wire.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValue({} bytes)", self.0.len())
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// The login to one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// `host[:port]`; Docker Hub is `docker.io`.
    pub registry: String,
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: SecretValue,
}

/// What a run may know and nobody else: never part of its stored submission, plan or records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confidential {
    /// Secrets by id.
    pub secrets: BTreeMap<SecretId, SecretValue>,
    /// Logins to registries, one for each registry.
    pub logins: Vec<Login>,
}

/// Why a text's tokens cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The value is not there.
    #[error("the value of secret `{}` is not there", clip(.0.as_str()))]
    Missing(SecretId),
    /// The value does not fit its use.
    #[error("secret `{}`: {why}", clip(.id.as_str()))]
    Unfit {
        /// The secret.
        id: SecretId,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Opens tokens, and remembers every form in which a value was handed out, for masking.
pub struct Opener<'a> {
    nonce: &'a Nonce,
    secrets: &'a BTreeMap<SecretId, SecretValue>,
    forms: Vec<SecretValue>,
}

impl<'a> Opener<'a> {
    /// An opener of one rendering's tokens.
    pub const fn new(nonce: &'a Nonce, secrets: &'a BTreeMap<SecretId, SecretValue>) -> Self {
        Self { nonce, secrets, forms: Vec::new() }
    }

    /// The text with its tokens opened.
    ///
    /// # Errors
    /// Where a value is missing, or does not fit its use: a filter, or text.
    pub fn open(&mut self, text: &str) -> Result<String, Unopened> {
        if !may_hold_tokens(text) {
            return Ok(text.to_owned());
        }
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text, self.nonce) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Secret(token) => out.push_str(&self.value(token)?),
            }
        }
        Ok(out)
    }

    fn value(&mut self, Token { id, filters }: Token) -> Result<String, Unopened> {
        let value = self.secrets.get(&id).ok_or_else(|| Unopened::Missing(id.clone()))?;
        self.remember(value.clone());
        let mut bytes = value.expose().to_vec();
        for filter in filters {
            bytes = filter.apply(&bytes).map_err(|why| Unopened::Unfit { id: id.clone(), why })?;
            self.remember(SecretValue::new(bytes.clone()));
        }
        let why = "it is not text, and is used as text; put `b64enc` on it";
        String::from_utf8(bytes).map_err(|_| Unopened::Unfit { id, why })
    }

    fn remember(&mut self, form: SecretValue) {
        if !self.forms.contains(&form) {
            self.forms.push(form);
        }
    }

    /// Every form in which a value was handed out.
    pub fn into_forms(self) -> Vec<SecretValue> {
        self.forms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, filters: &[Filter]) -> Token {
        Token { id: id.parse().unwrap(), filters: filters.to_vec() }
    }

    fn secrets(id: &str, value: &[u8]) -> BTreeMap<SecretId, SecretValue> {
        BTreeMap::from([(id.parse().unwrap(), SecretValue::new(value.to_vec()))])
    }

    #[test]
    fn tokens_stand_in_texts_and_are_opened_there() {
        let nonce = Nonce::new(7);
        let filters = [Filter::Trim, Filter::B64Enc, Filter::NIndent(4), Filter::ToJson];
        for token in [token("a", &[]), token("db.password", &filters)] {
            let text = format!("x={} y", token.write(&nonce));
            assert_eq!(tokens(&text, &nonce), [token]);
        }
        let text = format!("<{}|{}>", token("a", &[]).write(&nonce), token("a", &[Filter::B64Enc]).write(&nonce));
        let secrets = secrets("a", b"s3cret");
        let mut opener = Opener::new(&nonce, &secrets);
        assert_eq!(opener.open(&text).unwrap(), "<s3cret|czNjcmV0>");
        let forms: Vec<_> = opener.into_forms().iter().map(|form| form.expose().to_vec()).collect();
        assert_eq!(forms, [b"s3cret".to_vec(), b"czNjcmV0".to_vec()]);
    }

    #[test]
    fn forged_tokens_are_text() {
        let (mine, other) = (Nonce::new(7), Nonce::new(8));
        let forged = token("a", &[]).write(&other);
        let secrets = secrets("a", b"s3cret");
        for text in [forged.as_str(), "\u{f0002}a\u{f0003}", "\u{f0002}", "\u{f0003}\u{f0002}\u{f0002}", ""] {
            assert_eq!(Opener::new(&mine, &secrets).open(text).unwrap(), text);
        }
        // One that is real is found behind one that is not.
        let real = format!("\u{f0002}{}", token("a", &[]).write(&mine));
        assert_eq!(Opener::new(&mine, &secrets).open(&real).unwrap(), "\u{f0002}s3cret");
    }

    #[test]
    fn values_that_do_not_fit_are_told_by_id() {
        let nonce = Nonce::new(1);
        let table: [(&[u8], &[Filter], &str); 4] = [
            (b"\xff", &[], "secret `a`: it is not text, and is used as text; put `b64enc` on it"),
            (b"\xff", &[Filter::Quote], "secret `a`: it is not UTF-8; only `b64enc` takes such a value"),
            (b"!", &[Filter::B64Dec], "secret `a`: it is not base64, and `b64dec` is put on it"),
            (b"", &[], ""),
        ];
        for (value, filters, expected) in table {
            let secrets = secrets("a", value);
            let opened = Opener::new(&nonce, &secrets).open(&token("a", filters).write(&nonce));
            assert_eq!(opened.unwrap_or_else(|why| why.to_string()), expected);
        }
        let missing = Opener::new(&nonce, &BTreeMap::new()).open(&token("b", &[]).write(&nonce)).unwrap_err();
        assert_eq!(missing.to_string(), "the value of secret `b` is not there");
    }

    #[test]
    fn people_see_where_a_secret_stands_and_nothing_more() {
        let nonce = Nonce::new(1);
        let text = format!("a {} b", token("x", &[Filter::B64Enc]).write(&nonce));
        assert_eq!(shown(&text, &nonce), "a {{.Secrets.x | b64enc}} b");
        assert_eq!(format!("{:?}", SecretValue::new(b"abc".to_vec())), "SecretValue(3 bytes)");
    }
}
