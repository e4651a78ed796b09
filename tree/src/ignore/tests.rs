//! Tables of patterns, paths and answers; from Docker's documentation and Go's `filepath.Match`.

use super::*;

fn rules(lines: &[&str]) -> Ignore {
    Ignore::parse(&lines.join("\n")).unwrap_or_else(|bad| panic!("{lines:?}: {bad}"))
}

#[test]
fn one_pattern_covers_what_it_matches_and_all_below() {
    let table: &[(&str, &[&str], &[&str])] = &[
        // The examples of Docker's documentation.
        ("*/temp*", &["somedir/temporary.txt", "somedir/temp", "a/tempdir/x"], &["temp", "a/b/temp"]),
        ("*/*/temp*", &["somedir/subdir/temporary.txt"], &["somedir/temporary.txt"]),
        ("temp?", &["tempa", "tempb", "tempa/x"], &["temp", "tempab", "a/tempa"]),
        ("**/*.go", &["a.go", "x/a.go", "x/y/z/a.go"], &["a.god", "go"]),
        ("/foo/bar", &["foo/bar", "foo/bar/baz"], &["foo", "x/foo/bar"]),
        ("foo/bar/", &["foo/bar", "foo/bar/baz"], &["foo/barn"]),
        ("./foo//bar/../baz", &["foo/baz"], &["foo/bar"]),
        // `**`.
        ("**", &["file", "dir/file"], &[]),
        ("**/", &["file", "dir/file"], &[]),
        ("**/**", &["dir/file"], &[]),
        ("dir/**", &["dir/file", "dir/dir2/file"], &["dir", "dirx/a"]),
        ("abc**", &["abc", "abcd/e"], &["ab"]),
        ("**/dir", &["dir", "a/dir", "dir/file", "a/dir/b/c"], &["adir", "a/dirx"]),
        ("**/dir2/*", &["dir/dir2/file", "dir2/file"], &["dir2", "dir/dir2"]),
        ("**/dir2/**", &["dir/dir2/dir3/file"], &["dir/dir2"]),
        ("**file", &["file", "dir/file", "dir/xfile"], &["filex"]),
        ("**/file*txt", &["dir/dir/file.txt", "filetxt"], &["dir/xfile.txt"]),
        ("**/**/*.txt", &["file.txt", "dir/dir/file.txt"], &["file.txt2"]),
        ("a**/*.txt", &["a/file.txt", "a/dir/dir/file.txt"], &["b/file.txt"]),
        ("a/*.txt**", &["a/file.txt"], &["a/b/file.txt"]),
        ("**/.foo", &[".foo", "x/.foo"], &["bar.foo"]),
        ("*", &["a", "a/b"], &[]),
        ("*/b", &["a/b"], &["b", "a/c/b"]),
        // Characters that mean something in a regular expression and nothing here.
        ("abc.def", &["abc.def"], &["abcdef", "abcZdef"]),
        ("a.|)$(}+{bc", &["a.|)$(}+{bc"], &[]),
        ("a(b)*", &["a(b)c/def"], &["ab"]),
        ("dist/*.whl", &["dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"], &[]),
        ("a^b*", &["a^bc"], &["ab"]),
        (".*", &[".foo"], &["foo"]),
        // Brackets, as `filepath.Match` has them.
        ("ab[c]", &["abc"], &["abd"]),
        ("a[b-d]e", &["ace"], &["ae", "aae"]),
        ("a[^b-d]e", &["aze"], &["ace"]),
        ("[a-ζ]*", &["α"], &["["]),
        ("[x&&y]", &["&", "x"], &["z"]),
        ("[[a]x", &["[x", "ax"], &["bx"]),
        ("a?b", &["a☺b"], &["a/b"]),
        ("a*b", &["axxb"], &["a/b"]),
        ("a*b?c*x", &["abxbbxdbxebxczzx"], &["abxbbxdbxebxczzy"]),
        ("d/**/f", &["d/f", "d/e/e/f"], &["df"]),
        ("a**b", &["ab", "a/b"], &["abc"]),
        ("ü *", &["ü a.txt"], &["ü"]),
    ];
    for (pattern, ignored, kept) in table {
        let rules = rules(&[pattern]);
        for path in *ignored {
            assert!(rules.is_ignored(path), "`{pattern}` covers `{path}`");
        }
        for path in *kept {
            assert!(!rules.is_ignored(path), "`{pattern}` does not cover `{path}`");
        }
    }
}

#[cfg(not(windows))]
#[test]
fn a_backslash_takes_the_meaning_from_the_next_character() {
    for (pattern, path, ignored) in [
        ("a\\*b", "a*b", true),
        ("a\\*b", "ab", false),
        ("a\\\\", "a\\", true),
        ("[\\]a]", "]", true),
        ("[\\-x]", "-", true),
        ("[x\\-]", "z", false),
        ("\\d*", "d1", true),
        ("\\d*", "1", false),
    ] {
        assert_eq!(rules(&[pattern]).is_ignored(path), ignored, "`{pattern}` and `{path}`");
    }
    assert!(Ignore::parse("a\\").is_err());
}

#[test]
fn the_last_rule_that_covers_a_path_decides() {
    let table: &[(&[&str], &str, bool)] = &[
        (&["*.md", "!README.md"], "README.md", false),
        (&["*.md", "!README.md"], "other.md", true),
        (&["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true),
        (&["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false),
        (&["!fileutils.go", "*.go"], "fileutils.go", true),
        (&["docs/", "!docs/README.md"], "docs/README.md", false),
        (&["docs/*", "!docs/README.md"], "docs/x", true),
        (&["**/n", "!x/n"], "x/n/f", false),
        (&["!a"], "a", false),
        (&[], "a", false),
        (&["**", "!util/docker/web"], "util/docker/web/foo", false),
        (&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true),
        (&["*", "!a/b", "a"], "a/b", true),
        (&["# a", " # b", "\t c \r", "", "! /d", "d", "!  /d  "], "d", false),
        (&["# a"], "a", false),
        (&["# a"], "# a", false),
        (&[" # b"], "# b", true),
        (&["\u{feff}a"], "a", true),
        (&["."], "a", false),
        (&["*"], ".", false),
        (&["*"], "", false),
        (&["../a"], "a", false),
        (&["/../a"], "a", true),
    ];
    for (lines, path, ignored) in table {
        assert_eq!(rules(lines).is_ignored(path), *ignored, "{lines:?} and `{path}`");
    }
}

#[test]
fn what_is_no_pattern_is_refused_with_its_line() {
    for pattern in ["[", "[^", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[^bc", "a[", "[]", "[z-a]"] {
        let bad = Ignore::parse(&format!("ok\n{pattern}")).expect_err(pattern);
        assert!(matches!(bad, BadIgnore::Pattern { line: 2, .. }), "{pattern}: {bad}");
    }
    for text in ["!", " ! ", "#x\n!"] {
        assert!(matches!(Ignore::parse(text), Err(BadIgnore::Nothing { .. })), "{text:?}");
    }
    assert!(Ignore::parse("[").expect_err("open").to_string().contains("line 1: `[`"));
    assert_eq!(Ignore::parse(&"a\n".repeat(RULES + 1)).err(), Some(BadIgnore::TooMuch));
    assert_eq!(Ignore::parse(&"a".repeat(RULES_SIZE + 1)).err(), Some(BadIgnore::TooMuch));
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = format!("{}b", "*a".repeat(200));
    assert!(!rules(&[&pattern]).is_ignored(&"a".repeat(2000)));
}

#[test]
fn an_ignored_directory_is_walked_only_where_an_exception_may_reach() {
    let table: &[(&[&str], &str, bool)] = &[
        (&["node_modules"], "node_modules", false),
        (&["docs", "!docs/README.md"], "docs", true),
        (&["docs", "!docs/a/README.md"], "docs/a", true),
        (&["docs", "!docs/a/README.md"], "docs/b", false),
        (&["*", "!src"], "docs", false),
        (&["*", "!*.md"], "docs", false),
        (&["*", "!*/x"], "docs", true),
        (&["*", "!d*/x"], "docs", true),
        (&["*", "!d*/x"], "src", false),
        (&["*", "!**/x"], "a/b/c", true),
        (&["*", "!a/**"], "a", true),
        (&["*", "!a/**"], "b", false),
        (&["*", "!a[^x]b"], "a", true),
        // What stands before the rule that ignores the directory cannot save anything in it.
        (&["!a/b", "a"], "a", false),
        (&["!docs", "docs/node_modules"], "docs/node_modules", false),
    ];
    for (lines, dir, expected) in table {
        assert_eq!(rules(lines).may_contain_exceptions(dir), *expected, "{lines:?} and `{dir}`");
    }
}

#[test]
fn kept_paths_stay_whatever_they_are_named() {
    let rules = rules(&["*", "**/*file"]).keeping(["./build/Docker*file", ".dockerignore"]);
    assert!(!rules.is_ignored(".dockerignore"));
    assert!(!rules.is_ignored("build/Docker*file"));
    assert!(rules.is_ignored("build/Dockerfile"));
    assert!(rules.may_contain_exceptions("build"));
    assert!(!rules.may_contain_exceptions("src"));
}

#[test]
fn a_list_has_no_comments() {
    let rules = Ignore::from_patterns(&["#a".to_owned(), "!#a/b".to_owned()]).expect("patterns");
    assert!(rules.is_ignored("#a/c") && !rules.is_ignored("#a/b"));
}

#[test]
fn a_text_without_rules_is_empty() {
    assert!(Ignore::default().is_empty() && rules(&["# a", " "]).is_empty());
    assert!(!rules(&["a"]).is_empty());
}

#[test]
fn of_two_lists_ignored_is_what_both_ignore() {
    let table: [[&[&str]; 4]; 4] = [
        [&["*.log", "a"], &["a"], &["a", "a/b"], &["x.log"]],
        [&["*", "!keep"], &["keep"], &[], &["keep", "other"]],
        [&["*"], &["*", "!a/b"], &["a", "a/c", "b"], &["a/b"]],
        [&["*"], &[], &[], &["a", "a/b"]],
    ];
    for [one, other, ignored, kept] in table {
        for both in [rules(one).or(rules(other)), rules(other).or(rules(one))] {
            ignored.iter().for_each(|path| assert!(both.is_ignored(path), "{one:?}, {other:?}: `{path}`"));
            kept.iter().for_each(|path| assert!(!both.is_ignored(path), "{one:?}, {other:?}: `{path}`"));
        }
    }
    let both = rules(&["*"]).or(rules(&["*", "!a/b"]));
    assert!(both.may_contain_exceptions("a") && !both.may_contain_exceptions("b"));
}
