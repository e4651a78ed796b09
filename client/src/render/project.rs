//! What a project keeps, for people.

use super::table::{ago, table};
use crate::farm::{StoredLogin, StoredSecret};
use acre_model::{text::clip, time::Timestamp};

/// The table of `acre secret list`.
pub fn secrets(secrets: &[StoredSecret], now: Timestamp) -> String {
    let row = |secret: &StoredSecret| [clip(&secret.id), ago(now.millis_since(secret.set_at))];
    table(["SECRET", "SET"], secrets.iter().map(row))
}

/// The table of `acre login --list`.
pub fn logins(logins: &[StoredLogin], now: Timestamp) -> String {
    let row = |login: &StoredLogin| [clip(&login.registry), clip(&login.username), ago(now.millis_since(login.set_at))];
    table(["REGISTRY", "USER", "SET"], logins.iter().map(row))
}
