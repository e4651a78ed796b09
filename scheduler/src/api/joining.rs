//! `Joining`: certificates for those who have a token, or a certificate already.

use super::{Services, access::caller, errors::status};
use crate::{
    ca::{Authority, Signed, SigningRequest},
    caller::Caller,
    join,
};
use acre_model::{
    duration,
    ids::{AgentId, ProjectName},
    joining::{Admits, Joiner},
    secret::SecretValue,
};
use acre_proto::{
    Invalid,
    convert::{field, parsed, parsed_or_default, parsed_or_none},
    v1::{self, create_token_request, join_request, joining_server::Joining},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Joining for Services {
    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinResponse>, Status> {
        let v1::JoinRequest { token, secret, signing_request, joiner } = request.into_inner();
        let authority = self.authority()?;
        let id = field("token", token.try_into().map_err(|_| "must have 10 bytes"))?;
        let joiner = match joiner.ok_or_else(|| Invalid::missing("joiner"))? {
            join_request::Joiner::Agent(id) => Joiner::Agent(parsed("agent", &id)?),
            join_request::Joiner::Person(name) => Joiner::Person(parsed("person", &name)?),
        };
        let signing_request = SigningRequest::from_der(signing_request).map_err(status)?;
        if let Joiner::Agent(id) = &joiner {
            self.is_free(id)?;
        }
        let shown = join::Shown { id, secret: SecretValue::new(secret), joiner };
        let used = self.driver.use_token(shown).await.map_err(status)?;
        let identity = used.inspect_err(|why| tracing::info!(%why, "joining refused")).map_err(status)?;
        let signed = authority.sign(&signing_request, &identity, self.clock.now().wall).map_err(status)?;
        tracing::info!(%identity, "joined");
        Ok(Response::new(v1::JoinResponse { certificate: Some(wire(signed)), identity: identity.to_string() }))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewResponse>, Status> {
        let Caller::Member(identity) = caller(&request) else {
            return Err(Status::failed_precondition(
                "only a certificate can be renewed, and this connection needs none",
            ));
        };
        let signing_request = SigningRequest::from_der(request.into_inner().signing_request).map_err(status)?;
        let signed = self.authority()?.sign(&signing_request, &identity, self.clock.now().wall).map_err(status)?;
        tracing::info!(%identity, "certificate renewed");
        Ok(Response::new(v1::RenewResponse { certificate: Some(wire(signed)) }))
    }

    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        self.board.note_asked();
        let by = caller(&request);
        let v1::CreateTokenRequest { project, ttl_ms, admits } = request.into_inner();
        let _: ProjectName = parsed_or_default("project", &project)?;
        let admits = match admits.ok_or_else(|| Invalid::missing("admits"))? {
            create_token_request::Admits::Agent(agent) => Admits::Agent(parsed_or_default("pool", &agent.pool)?),
            create_token_request::Admits::Person(person) => Admits::Person(parsed_or_none("name", &person.name)?),
        };
        if !join::TTL_MS.contains(&ttl_ms) {
            let (least, most) = (duration::show(*join::TTL_MS.start()), duration::show(*join::TTL_MS.end()));
            return Err(Invalid::new("ttl_ms", format!("must be from {least} to {most}")).into());
        }
        let (now, ca) = (self.clock.now().wall, self.authority()?.hash());
        let expires = now.plus_millis(ttl_ms);
        let made = join::make(self.store.as_ref(), self.random.as_ref(), (admits.clone(), expires), ca, now).await;
        let (token, changes) = made.map_err(status)?;
        for change in changes {
            self.driver.record(change).await.map_err(status)?;
        }
        tracing::info!(?by, ?admits, "token made");
        let token = String::from_utf8_lossy(token.expose().expose()).into_owned();
        Ok(Response::new(v1::CreateTokenResponse { token, expires: Some(expires.into()) }))
    }
}

impl Services {
    fn authority(&self) -> Result<&Authority, Status> {
        let missing = "this farm has no CA: run `acre-scheduler init`, then start it with --listen HOST:PORT";
        self.authority.as_deref().ok_or_else(|| Status::failed_precondition(missing))
    }

    /// Whether no agent of this id is at work: a token is for a new agent, not for the place of another.
    fn is_free(&self, id: &AgentId) -> Result<(), Status> {
        let is_taken = self.board.agent(id).is_some_and(|agent| agent.connected_at.is_some());
        let why = || format!("an agent `{id}` is connected already; give this one another name with --id");
        if is_taken { Err(Status::already_exists(why())) } else { Ok(()) }
    }
}

fn wire(signed: Signed) -> v1::Certificate {
    let chain = signed.chain.iter().map(|certificate| certificate.to_vec()).collect();
    v1::Certificate { chain, lifetime_ms: signed.lifetime_ms }
}
