//! Functions on secrets: what a template puts on a token becomes one of its filters, applied when it is opened.

use super::{super::state::secret_in, Outcome, fail, numbers};
use crate::tokens;
use acre_model::secret::{Filter, Nonce};
use gotmpl::Value;

/// Most blanks that a filter indents by.
const INDENT: i64 = 255;

/// Whether a function can be put on a secret.
pub(in crate::render) fn is_filter(name: &str) -> bool {
    Filter::of_function(name, None).or_else(|| Filter::of_function(name, Some(0))).is_some()
}

/// Go's `index`, which looks into lists and maps, and at the bytes of a text unless that holds a secret.
pub(super) fn index(args: &[Value], nonce: &Nonce) -> Outcome {
    let (whole, places) =
        args.split_first().ok_or_else(|| fail("`index` takes a value and places in it".to_owned()))?;
    places.iter().try_fold(whole.clone(), |value, place| match (&value, secret_in(&value, nonce)) {
        (Value::String(_), Some(id)) => Err(fail(format!("`index` cannot be put on the secret `{id}`"))),
        _ => value.index(place),
    })
}

/// What a function gives for arguments that hold a secret; `None` where they hold none, or the function hands it on.
pub(super) fn filtered(name: &str, args: &[Value], nonce: &Nonce) -> Option<Outcome> {
    if !is_filter(name) {
        return None;
    }
    let id = args.iter().find_map(|arg| secret_in(arg, nonce))?;
    let token = match args {
        [Value::String(text)] | [_, Value::String(text)] => tokens::whole(text, nonce),
        _ => None,
    };
    let number = match args {
        [number, _] => numbers::to_int(number).ok().filter(|number| (0..=INDENT).contains(number)),
        _ => None,
    };
    let number = number.and_then(|number| u8::try_from(number).ok());
    Some(match (token, Filter::of_function(name, number)) {
        (Some(mut token), Some(filter)) => {
            token.filters.push(filter);
            Ok(Value::from(token.write(nonce)))
        }
        (Some(_), None) => Err(fail(format!("`{name}` on the secret `{id}` needs a number from 0 to {INDENT}"))),
        (None, _) => Err(fail(format!("`{name}` takes the secret `{id}` alone, not among other text"))),
    })
}
