//! What one registry is shown, by many requests at once.

use super::Login;
use super::auth::{Challenge, TOKEN, basic, bearer, realm};
use reqwest::{
    Client, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a token service may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What one registry is shown: a login, or tokens by their scopes.
pub struct Tokens {
    login: Option<Login>,
    shown: Mutex<Shown>,
    /// Held while something new is had, so that all who miss it wait for one.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Shown {
    basic: Option<HeaderValue>,
    bearer: BTreeMap<Vec<String>, HeaderValue>,
}

impl Tokens {
    /// Nothing is shown before it is asked for.
    pub fn new(login: Option<Login>) -> Self {
        Self { login, shown: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// What is shown for these scopes.
    pub fn get(&self, scopes: &[String]) -> Option<HeaderValue> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.basic.clone().or_else(|| shown.bearer.get(scopes).cloned())
    }

    /// Does what a challenge asks for; whether there is something else to show than what `was` shown.
    pub async fn authorize(
        &self,
        http: &Client,
        base: &Url,
        challenge: Challenge,
        scopes: &[String],
        was: Option<&HeaderValue>,
    ) -> Result<bool, String> {
        let _asking = self.asking.lock().await;
        if self.get(scopes).is_some_and(|now| Some(&now) != was) {
            return Ok(true);
        }
        match challenge {
            Challenge::None => Ok(false),
            Challenge::Basic => {
                let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = shown.basic.is_none();
                shown.basic = self.login.as_ref().and_then(basic);
                Ok(is_new && shown.basic.is_some())
            }
            Challenge::Bearer(parameters) => {
                let token = self.token(http, &realm(&parameters, base, scopes)?).await?;
                let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.bearer.insert(scopes.to_vec(), token);
                Ok(true)
            }
        }
    }

    async fn token(&self, http: &Client, realm: &Url) -> Result<HeaderValue, String> {
        let login = self.login.as_ref().and_then(basic);
        let headers = HeaderMap::from_iter(login.map(|login| (AUTHORIZATION, login)));
        let asked = http.get(realm.clone()).headers(headers).timeout(PATIENCE).send().await;
        let mut response = asked.map_err(|why| format!("its token service: {}", why.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(format!("its token service gives no token: {}", response.status()));
        }
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|why| why.without_url().to_string())? {
            if answer.len() + piece.len() > TOKEN {
                return Err("its token service does not end its answer".to_owned());
            }
            answer.extend_from_slice(&piece);
        }
        bearer(&answer).ok_or_else(|| "its token service gave a token that is none".to_owned())
    }
}
