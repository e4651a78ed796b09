//! Tokens by which others join.

use super::{ANSWER, FarmClient, limited, nonsense};
use crate::error::Error;
use acre_model::{joining::Admits, secret::SecretValue, time::Timestamp};
use acre_proto::{
    Invalid,
    v1::{self, create_token_request as wire, joining_client::JoiningClient},
};

/// A token as it was made. The farm does not know its text any more.
#[derive(Debug)]
pub struct NewToken {
    /// Its text.
    pub text: SecretValue,
    /// Until when it is good.
    pub expires: Timestamp,
}

impl FarmClient {
    /// Makes a token that is good for so many milliseconds.
    pub async fn create_token(&self, admits: Admits, ttl_ms: u64) -> Result<NewToken, Error> {
        let admits = match admits {
            Admits::Agent(pool) => wire::Admits::Agent(wire::AgentOf { pool: pool.to_string() }),
            Admits::Person(name) => {
                let name = name.map(|name| name.to_string()).unwrap_or_default();
                wire::Admits::Person(wire::PersonOf { name })
            }
        };
        let request = v1::CreateTokenRequest { project: self.project.to_string(), ttl_ms, admits: Some(admits) };
        let mut client = JoiningClient::new(self.channel.clone());
        let v1::CreateTokenResponse { token, expires } =
            self.ask(client.create_token(limited(request, ANSWER))).await?;
        let expires = expires.ok_or_else(|| nonsense(Invalid::missing("expires")))?.into();
        Ok(NewToken { text: SecretValue::new(token.into_bytes()), expires })
    }
}
