//! What the repository is shown that is asked by [`Web`](crate::source::web::Web): a login, or a token.

use super::{
    Repository,
    challenge::{self, Challenge},
};
use crate::source::error::Unfetched;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::collections::BTreeMap;

/// What is asked of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actions {
    /// To read.
    Pull,
    /// To write, too.
    Push,
    /// To remove.
    Delete,
}

impl Actions {
    const fn scope(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        }
    }
}

impl Repository<'_> {
    /// What the challenges of the registry ask to be shown; `None` where there is nothing to show.
    pub(super) async fn authorize(
        &self,
        headers: &HeaderMap,
        actions: Actions,
    ) -> Result<Option<HeaderValue>, Unfetched> {
        match Challenge::of(headers) {
            Challenge::Bearer(parameters) => self.token(&parameters, actions).await.map(Some),
            Challenge::Basic => self.login_shown(),
            Challenge::None => Ok(None),
        }
    }

    fn login_shown(&self) -> Result<Option<HeaderValue>, Unfetched> {
        self.login.map(|login| basic(&format!("{}:{}", login.username, login.secret))).transpose()
    }

    async fn token(
        &self,
        parameters: &BTreeMap<String, String>,
        actions: Actions,
    ) -> Result<HeaderValue, Unfetched> {
        let scope = format!("repository:{}:{}", self.reference.full_repository(), actions.scope());
        let realm = challenge::realm(parameters, &self.base, &[scope]);
        let realm = realm.map_err(|why| Unfetched::Refused(format!("{}: {why}", self.reference)))?;
        let headers = HeaderMap::from_iter(self.login_shown()?.map(|login| (AUTHORIZATION, login)));
        let (response, _) = self.web.get(&realm, &headers, Some(self.line.zone)).await?;
        if !response.status().is_success() {
            return Err(Unfetched::NotFound(self.answered("gives no token", response.status())));
        }
        let mut answer = Vec::new();
        self.web.save(response, challenge::TOKEN as u64, &mut answer, |_| {}).await?;
        challenge::bearer(&answer).ok_or_else(|| self.unfit("its registry gave a token that is none".to_owned()))
    }
}

/// A user and a password, as a header.
pub(crate) fn basic(login: &str) -> Result<HeaderValue, Unfetched> {
    challenge::basic(login).ok_or_else(|| Unfetched::Refused("a login has characters that no header has".to_owned()))
}
