//! Keys of a build (`RUN --mount=type=ssh`): what asks the agent's socket in the build container is answered here, from
//! memory. Nothing of the user's own agent, and no socket of the host, has a part in it.

mod agent;
mod key;
mod wire;

use crate::engine::EngineError;
use acre_model::text::clip;
use bollard_buildkit_proto::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse, ssh_server};
use futures::stream::BoxStream;
use key::PrivateKey;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Announce the service.
pub(super) const METHODS: [&str; 2] = ["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"];

/// Names the key that a connection is about (BuildKit, `session/sshforward`, `KeySSHID`).
const KEY_ID: &str = "buildkit.ssh.id";

/// What a mount without an id asks for.
const DEFAULT: &str = "default";

/// Answers made ahead of the connection.
const AHEAD: usize = 4;

/// Private keys by id.
#[derive(Clone, Default)]
pub(super) struct Keys(BTreeMap<String, Arc<PrivateKey>>);

impl Keys {
    /// The keys of these texts.
    pub(super) fn new(keys: &[(String, String)]) -> Result<Self, EngineError> {
        let mut by_id = BTreeMap::new();
        for (id, text) in keys {
            let refused = |why: String| EngineError::Refused(format!("ssh key `{}`: {why}", clip(id)));
            let key = PrivateKey::read(text).map_err(|why| refused(why.to_string()))?;
            if by_id.insert(id.clone(), Arc::new(key)).is_some() {
                return Err(refused("it is given twice".to_owned()));
            }
        }
        Ok(Self(by_id))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, id: &str) -> Result<&Arc<PrivateKey>, Status> {
        let id = if id.is_empty() { DEFAULT } else { id };
        self.0.get(id).ok_or_else(|| Status::not_found(format!("the build has no ssh key {}", clip(id))))
    }
}

#[tonic::async_trait]
impl ssh_server::Ssh for Keys {
    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        self.get(&request.into_inner().id).map(|_| Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = BoxStream<'static, Result<BytesMessage, Status>>;

    /// One connection to the agent's socket.
    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(KEY_ID).map(|id| String::from_utf8_lossy(id.as_encoded_bytes()).into_owned());
        let key = Arc::clone(self.get(&id.unwrap_or_default())?);
        let (out, answers) = mpsc::channel(AHEAD);
        // Ends with the stream it reads, which ends with the session.
        tokio::spawn(converse(key, request.into_inner(), out));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// Answers requests as they come, whatever pieces they come in, until there are no more.
async fn converse(
    key: Arc<PrivateKey>,
    mut asked: Streaming<BytesMessage>,
    out: mpsc::Sender<Result<BytesMessage, Status>>,
) {
    let mut requests = agent::Requests::default();
    while let Ok(Some(message)) = asked.message().await {
        requests.take(&message.data);
        loop {
            let answer = match requests.next() {
                Ok(Some(request)) => Ok(BytesMessage { data: agent::answer(&request, &key) }),
                Ok(None) => break,
                Err(why) => Err(Status::invalid_argument(why)),
            };
            let is_over = answer.is_err();
            if out.send(answer).await.is_err() || is_over {
                return;
            }
        }
    }
}
