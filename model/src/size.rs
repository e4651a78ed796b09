//! Sizes as people write them: `64m`, `1g`, `1.5GiB`.

use crate::text::clip;

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write for example 64m or 1g")]
pub struct BadSize(String);

/// Bytes of a written size: multiples of 1024, as the engine counts (go-units, `RAMInBytes`); a bare number is bytes.
///
/// ```
/// assert_eq!(acre_model::size::parse("1.5GiB"), Ok(3 << 29));
/// ```
pub fn parse(text: &str) -> Result<u64, BadSize> {
    let fault = || BadSize(clip(text));
    let lower = text.to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let shift = match lower[digits..].trim_start() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(fault()),
    };
    let number: f64 = lower[..digits].parse().map_err(|_| fault())?;
    let bytes = number * (1_u64 << shift) as f64;
    // 2^50: a petabyte is no size of a machine, and still exact in a double.
    if (1.0..=(1_u64 << 50) as f64).contains(&bytes) { Ok(bytes as u64) } else { Err(fault()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_in_powers_of_two() {
        let table = [
            ("64m", Some(64 << 20)),
            ("1g", Some(1 << 30)),
            ("1.5 GiB", Some(3 << 29)),
            ("4096", Some(4096)),
            ("2TB", Some(2 << 40)),
            ("", None),
            ("0", None),
            ("-1g", None),
            ("1.2.3m", None),
            ("9999t", None),
            ("1 x", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
