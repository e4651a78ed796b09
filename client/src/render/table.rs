//! Tables for people: columns side by side, no lines, the header in capitals.

use comfy_table::{ContentArrangement, Table, presets};

/// A table of `rows` under a `header`. Cells are shown as they are, so foreign text must be harmless.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// How long ago something was, in one unit: `12s ago`, `3m ago`, `5h ago`, `2d ago`.
pub fn ago(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Bytes as people read them: `512 B`, `1.234 MiB`, with three digits after the point as ACR shows them.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.3} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), String::new()], ["long cell".to_owned(), "b".to_owned()]];
        assert_eq!(table(["ONE", "TWO"], rows), "ONE        TWO\na\nlong cell  b\n");
    }

    #[test]
    fn sizes_and_ages_have_one_unit() {
        for (size, expected) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.000 KiB"), (1_293_943, "1.234 MiB")] {
            assert_eq!(bytes(size), expected);
        }
        for (age, expected) in [(0, "0s ago"), (59_999, "59s ago"), (60_000, "1m ago"), (172_800_000, "2d ago")] {
            assert_eq!(ago(age), expected);
        }
    }
}
