//! Slack's incoming webhooks, and what takes the same (Mattermost, Rocket.Chat): `text`, and blocks in its place where
//! they are known. `&`, `<` and `>` are escaped as Slack documents ("Formatting message text", "Escaping text"); nothing
//! else of a text could mention or link.

use super::Subject;
use serde_json::{Value, json};

/// The longest text of a section, in characters (Block Kit: 3000).
const SECTION: usize = 2900;

/// The body of the request.
pub fn slack(subject: &Subject<'_>) -> Vec<u8> {
    let headline = format!("*{}*", plain(&subject.headline()));
    let facts = subject.facts();
    let line = |(name, value): &(&str, String)| match *name {
        "" => plain(value),
        name => format!("{name}: {}", plain(value)),
    };
    let (first, rest) = facts.split_at(facts.len().min(1));
    let body: String = first.iter().map(line).map(|text| format!("{headline}\n{text}")).collect();
    let mut blocks = vec![json!({"type": "section", "text": mrkdwn(&body)})];
    if !rest.is_empty() {
        let rest = rest.iter().map(line).collect::<Vec<_>>().join("\n");
        blocks.push(json!({"type": "context", "elements": [mrkdwn(&rest)]}));
    }
    json!({"text": body, "blocks": blocks}).to_string().into_bytes()
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": clipped(text), "verbatim": true})
}

/// Cut where no entity is torn apart.
fn clipped(text: &str) -> &str {
    let Some((mut end, _)) = text.char_indices().nth(SECTION) else { return text };
    if let Some(begin) = text[..end].rfind('&')
        && !text[begin..end].contains(';')
    {
        end = begin;
    }
    &text[..end]
}

/// Slack's control characters as entities. A star or an underscore only dresses the text, and stays.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            character => plain.push(character),
        }
    }
    plain
}
