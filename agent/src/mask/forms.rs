//! The forms in which a secret may come out: as it is, each of its lines, in base64, percent-encoded, in JSON.

use data_encoding::{BASE64, BASE64URL};
use std::collections::BTreeSet;

/// What is shorter is not masked: it stands in every log by chance.
const SHORTEST: usize = 4;

/// Characters that percent-encoders leave as they are, besides letters and digits: RFC 3986, Go's `url.PathEscape`,
/// JavaScript's `encodeURIComponent`.
const LEFT: [&[u8]; 3] = [b"-_.~", b"-_.~$&+=:@", b"-_.~!*'()"];

/// All forms of these values, each once, none empty.
pub(super) fn all<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for value in values.filter(|value| value.len() >= SHORTEST) {
        forms.extend(of(value));
        let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        forms.extend(lines.flat_map(of));
    }
    forms.into_iter().filter(|form| form.len() >= SHORTEST).collect()
}

fn of(value: &[u8]) -> Vec<Vec<u8>> {
    if value.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![value.to_vec()];
    forms.extend(base64(value));
    forms.extend(LEFT.iter().flat_map(|left| percent(value, left)));
    forms.extend(json(value));
    forms
}

/// Base64 of the value alone, and the part that only the value decides where one, two or no bytes modulo three stand
/// before it; with either alphabet.
fn base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for encoding in [BASE64, BASE64URL] {
        forms.push(encoding.encode(value).into_bytes());
        for before in 0..3 {
            let encoded = encoding.encode(&[&[0; 2][..before], value].concat());
            // Six bits make a character: those that hold a bit of a neighbor are left out.
            let (first, end) = ((8 * before).div_ceil(6), 8 * (before + value.len()) / 6);
            forms.push(encoded.as_bytes()[first..end].to_vec());
        }
    }
    forms
}

/// Percent-encoded, with upper-case and lower-case digits, a blank as `%20` and as `+`.
fn percent(value: &[u8], left: &[u8]) -> [Vec<u8>; 4] {
    let encode = |is_upper: bool, blank: &str| {
        let mut text = Vec::with_capacity(value.len());
        for byte in value {
            match byte {
                b' ' => text.extend_from_slice(blank.as_bytes()),
                byte if byte.is_ascii_alphanumeric() || left.contains(byte) => text.push(*byte),
                byte if is_upper => text.extend(format!("%{byte:02X}").bytes()),
                byte => text.extend(format!("%{byte:02x}").bytes()),
            }
        }
        text
    };
    [encode(true, "%20"), encode(true, "+"), encode(false, "%20"), encode(false, "+")]
}

/// Within a JSON string; also as Go writes it, with `<`, `>` and `&` escaped.
fn json(value: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(value) else { return Vec::new() };
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted[1..quoted.len() - 1].to_owned();
    let of_go = inner.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    vec![inner.into_bytes(), of_go.into_bytes()]
}
