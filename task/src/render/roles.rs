//! What the guards know of functions by their names: which are asked about missing values, which hand secrets on, and
//! which a task does not get.

/// What is special about a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is asked about missing values, and must see them.
    Asked,
    /// It hands a secret on without looking at it.
    Passes,
    /// Both.
    AskedAndPasses,
}

const ROLES: [(&str, Role); 41] = [
    ("all", Role::Asked),
    ("any", Role::Asked),
    ("compact", Role::Asked),
    ("eq", Role::Asked),
    ("kindIs", Role::Asked),
    ("len", Role::Asked),
    ("ne", Role::Asked),
    ("toJson", Role::Asked),
    ("typeIs", Role::Asked),
    ("and", Role::AskedAndPasses),
    ("coalesce", Role::AskedAndPasses),
    ("default", Role::AskedAndPasses),
    ("dict", Role::AskedAndPasses),
    ("empty", Role::AskedAndPasses),
    ("hasKey", Role::AskedAndPasses),
    ("kindOf", Role::AskedAndPasses),
    ("list", Role::AskedAndPasses),
    ("not", Role::AskedAndPasses),
    ("or", Role::AskedAndPasses),
    ("required", Role::AskedAndPasses),
    ("ternary", Role::AskedAndPasses),
    ("typeOf", Role::AskedAndPasses),
    ("append", Role::Passes),
    ("concat", Role::Passes),
    ("deepCopy", Role::Passes),
    ("dig", Role::Passes),
    ("first", Role::Passes),
    ("get", Role::Passes),
    ("index", Role::Passes),
    ("initial", Role::Passes),
    ("keys", Role::Passes),
    ("last", Role::Passes),
    ("merge", Role::Passes),
    ("mergeOverwrite", Role::Passes),
    ("omit", Role::Passes),
    ("pick", Role::Passes),
    ("pluck", Role::Passes),
    ("prepend", Role::Passes),
    ("rest", Role::Passes),
    ("tuple", Role::Passes),
    ("values", Role::Passes),
];

/// Whether a function is asked about missing values.
pub(super) fn is_asked(name: &str) -> bool {
    matches!(role(name), Some(Role::Asked | Role::AskedAndPasses))
}

/// Whether a function may be given a secret: it hands it on, or becomes a filter of its token.
pub(super) fn takes_secrets(name: &str) -> bool {
    matches!(role(name), Some(Role::Passes | Role::AskedAndPasses)) || super::functions::is_filter(name)
}

fn role(name: &str) -> Option<Role> {
    ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
}

/// Why Sprig has a function that a task does not get, and what to do instead.
type Barred = (&'static [&'static str], &'static str, &'static str);

const BARRED: [Barred; 3] = [
    (
        &["env", "expandenv", "getHostByName"],
        "a task does not read the machine it is rendered on",
        "give the value with `--set`",
    ),
    (
        &[
            "genPrivateKey",
            "genCA",
            "genCAWithKey",
            "genSelfSignedCert",
            "genSelfSignedCertWithKey",
            "genSignedCert",
            "genSignedCertWithKey",
            "buildCustomCert",
            "derivePassword",
            "htpasswd",
            "bcrypt",
            "encryptAES",
            "decryptAES",
            "randBytes",
        ],
        "a task makes no keys, since its text is kept with the run",
        "make it beforehand, and give it with `--set-secret`",
    ),
    (
        &["set", "unset"],
        "a value does not change once it is made",
        "make a new one: `$d := merge (dict \"k\" \"v\") $d`, or `omit $d \"k\"`",
    ),
];

/// Why a function of Sprig is not available, and what to do instead.
pub(super) fn barred(name: &str) -> Option<(&'static str, &'static str)> {
    BARRED.iter().find(|(names, ..)| names.contains(&name)).map(|(_, why, instead)| (*why, *instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_there_are_have_a_role() {
        let known = super::super::functions::names();
        for (name, _) in ROLES {
            assert!(known.contains(name), "{name}");
        }
        for name in BARRED.iter().flat_map(|(names, ..)| *names) {
            assert!(!known.contains(*name), "{name}");
        }
    }
}
