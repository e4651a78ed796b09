//! What the branches and tags of a repository stand for (gitprotocol-http(5), "Smart Clients"; gitprotocol-pack(5),
//! "Reference Discovery"). Pure.

use acre_model::{
    ids::CommitId,
    trigger::{Change, SourceEvent},
};
use std::collections::BTreeMap;

/// Full names of references, and the commits they stand for.
pub(super) type Heads = BTreeMap<String, CommitId>;

/// Of an annotated tag: the commit that it is for.
const PEELED: &str = "^{}";

/// The branches and tags in a server's answer to `info/refs?service=git-upload-pack`.
pub(super) fn heads(answer: &[u8]) -> Result<Heads, String> {
    let mut heads = Heads::new();
    let mut rest = answer;
    let mut is_service = false;
    while !rest.is_empty() {
        let (line, after) = packet(rest)?;
        rest = after;
        let Some(line) = line else { continue };
        is_service |= line.starts_with(b"# service=git-upload-pack");
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let Some((commit, name)) = std::str::from_utf8(line).ok().and_then(|line| line.trim_end().split_once(' '))
        else {
            continue;
        };
        let name = name.strip_suffix(PEELED).unwrap_or(name);
        if let (true, Ok(commit)) = (name.starts_with("refs/heads/") || name.starts_with("refs/tags/"), commit.parse())
        {
            // What a tag is for comes after the tag.
            heads.insert(name.to_owned(), commit);
        }
    }
    if is_service { Ok(heads) } else { Err("its answer is not that of a git server".to_owned()) }
}

/// The first packet, `None` for one that only divides, and what comes after it.
fn packet(bytes: &[u8]) -> Result<(Option<&[u8]>, &[u8]), &'static str> {
    const BROKEN: &str = "its answer breaks off";
    let (length, _) = bytes.split_first_chunk::<4>().ok_or(BROKEN)?;
    let length = std::str::from_utf8(length).ok().and_then(|length| usize::from_str_radix(length, 16).ok());
    match length.ok_or("its answer is not in packets")? {
        0..4 => Ok((None, &bytes[4..])),
        length if length > bytes.len() => Err(BROKEN),
        length => Ok((Some(&bytes[4..length]), &bytes[length..])),
    }
}

/// What has happened where a branch or tag stands for a commit; `None`: the name is of neither. What differs is not known,
/// and so holds nothing back; the repository is that of the task.
pub(super) fn event(name: &str, commit: &CommitId) -> Option<SourceEvent> {
    let change = match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/")) {
        (Some(branch), _) => Change::Commit { branch: branch.to_owned() },
        (None, tag) => Change::Tag { tag: tag?.to_owned() },
    };
    let commit = Some(commit.clone());
    Some(SourceEvent { repository: Vec::new(), commit, change, by: None, message: None, paths: None })
}

/// What has happened between two looks at a repository: branches and tags that are new or stand for another commit, each
/// with what makes it one.
pub(super) fn events(then: &Heads, now: &Heads) -> Vec<(String, SourceEvent)> {
    let moved = now.iter().filter(|(name, commit)| then.get(*name) != Some(*commit));
    let identified = |(name, commit): (&String, &CommitId)| {
        let before = then.get(name).map(CommitId::as_str).unwrap_or_default();
        Some((format!("{name} {before} {commit}"), event(name, commit)?))
    };
    moved.filter_map(identified).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(letter: char) -> String {
        letter.to_string().repeat(40)
    }

    /// Lines as a server sends them; an empty one only divides.
    fn answer(lines: &[String]) -> Vec<u8> {
        let packet = |line: &String| match line.as_str() {
            "" => "0000".to_owned(),
            line => format!("{:04x}{line}", line.len() + 4),
        };
        lines.iter().map(packet).collect::<String>().into_bytes()
    }

    fn found(lines: &[String]) -> Result<String, String> {
        let shown = |(name, commit): (&String, &CommitId)| format!("{name}={}", &commit.as_str()[..1]);
        heads(&answer(lines)).map(|heads| heads.iter().map(shown).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn branches_and_tags_are_read_and_annotated_tags_are_their_commits() {
        let service = || "# service=git-upload-pack\n".to_owned();
        let line = |letter: char, name: &str| format!("{} {name}\n", commit(letter));
        let table = [
            (
                vec![
                    service(),
                    String::new(),
                    format!("{} HEAD\0multi_ack side-band\n", commit('a')),
                    line('a', "refs/heads/main"),
                    String::new(),
                ],
                Ok("refs/heads/main=a"),
            ),
            (
                vec![service(), String::new(), format!("{} refs/heads/main\0agent=git\n", commit('b')), String::new()],
                Ok("refs/heads/main=b"),
            ),
            (
                vec![service(), line('c', "refs/tags/v1"), line('d', "refs/tags/v1^{}"), line('e', "refs/pull/1/head")],
                Ok("refs/tags/v1=d"),
            ),
            // An empty repository.
            (vec![service(), String::new(), format!("{} capabilities^{{}}\0x\n", commit('0')), String::new()], Ok("")),
            (vec![line('a', "refs/heads/main")], Err("its answer is not that of a git server")),
            (vec![], Err("its answer is not that of a git server")),
        ];
        for (lines, expected) in table {
            assert_eq!(found(&lines), expected.map(str::to_owned).map_err(str::to_owned), "{lines:?}");
        }
        let table: [(&[u8], &str); 4] = [
            (b"<html>", "its answer is not in packets"),
            (b"00", "its answer breaks off"),
            (b"00ffabc", "its answer breaks off"),
            (b"\xff\xff\xff\xff", "its answer is not in packets"),
        ];
        for (answer, expected) in table {
            assert_eq!(heads(answer), Err(expected.to_owned()), "{answer:?}");
        }
    }

    #[test]
    fn what_moved_or_is_new_has_happened() {
        let heads = |list: &[(&str, char)]| -> Heads {
            list.iter().map(|(name, letter)| ((*name).to_owned(), commit(*letter).parse().unwrap())).collect()
        };
        let then = heads(&[("refs/heads/main", 'a'), ("refs/heads/gone", 'a'), ("refs/tags/v1", 'a')]);
        let now =
            heads(&[("refs/heads/main", 'b'), ("refs/heads/new", 'c'), ("refs/tags/v1", 'a'), ("refs/tags/v2", 'b')]);
        let found: Vec<_> = events(&then, &now).into_iter().map(|(id, event)| (id, event.change)).collect();
        let branch = |name: &str| Change::Commit { branch: name.to_owned() };
        let expected = [
            (format!("refs/heads/main {} {}", commit('a'), commit('b')), branch("main")),
            (format!("refs/heads/new  {}", commit('c')), branch("new")),
            (format!("refs/tags/v2  {}", commit('b')), Change::Tag { tag: "v2".to_owned() }),
        ];
        assert_eq!(found, expected);
        assert!(events(&now, &now).is_empty());
    }
}
