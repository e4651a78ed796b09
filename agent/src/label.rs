//! What an operator says of an agent: `key=value`.

use acre_model::text::clip;
use std::collections::BTreeMap;

/// How many labels an agent has.
const MOST: usize = 64;
/// Longest key, in bytes.
const LONGEST_KEY: usize = 63;
/// Longest value, in bytes.
const LONGEST_VALUE: usize = 255;

/// Takes `key=value` apart.
pub fn parse(text: &str) -> Result<(String, String), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(format!("`{}` is not a label; write key=value, for example zone=west", clip(text)));
    };
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if key.is_empty() || key.len() > LONGEST_KEY || !key.chars().all(is_key) {
        return Err(format!(
            "the key of a label is 1 to {LONGEST_KEY} of A-Z, a-z, 0-9, _ . - and /; this is `{}`",
            clip(key)
        ));
    }
    if value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(format!("the value of label `{key}` is up to {LONGEST_VALUE} bytes without control characters"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// All labels of an agent; each key is said once.
pub fn all(labels: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    for (key, value) in labels {
        if let Some(earlier) = all.insert(key.clone(), value) {
            return Err(format!("label `{key}` is said twice, first with the value `{earlier}`"));
        }
    }
    if all.len() > MOST {
        return Err(format!("an agent has up to {MOST} labels; these are {}", all.len()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

    use super::*;

    #[test]
    fn a_label_is_a_key_and_a_value() {
        let long = "x".repeat(256);
        let long_value = format!("k={long}");
        let table = [
            ("zone=west", Some(("zone", "west"))),
            ("example.org/disk=ssd=fast", Some(("example.org/disk", "ssd=fast"))),
            ("gpu=", Some(("gpu", ""))),
            ("zone", None),
            ("=west", None),
            ("a b=c", None),
            ("k=a\nb", None),
            (&long_value, None),
            (&long, None),
        ];
        for (text, expected) in table {
            let parsed = parse(text).ok();
            assert_eq!(parsed.as_ref().map(|(key, value)| (&**key, &**value)), expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_said_once() {
        let labels = |texts: &[&str]| all(texts.iter().map(|text| parse(text).unwrap()).collect());
        assert_eq!(labels(&["a=1", "b=1"]).unwrap().len(), 2);
        let twice = labels(&["a=1", "a=2"]).unwrap_err();
        assert!(twice.contains("`a` is said twice"), "{twice}");
        let many: Vec<(String, String)> = (0..65).map(|n| (n.to_string(), String::new())).collect();
        assert!(all(many).is_err());
    }
}
