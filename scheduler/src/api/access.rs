//! Who may ask what: one table, looked at before any service.

use crate::caller::Caller;
use acre_model::joining::Identity;
use futures::future::{self, Either, Ready};
use std::task::{Context, Poll};
use tonic::{
    Status,
    body::Body,
    codegen::http::{Request, Response},
};
use tower::{Layer, Service};

/// To whom a call is open. The farm's owner, on its Unix socket, may ask everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// To everybody.
    All,
    /// To everybody with a certificate.
    Members,
    /// To agents.
    Agents,
    /// To people.
    People,
    /// To nobody on the network.
    Here,
}

/// To whom the call of this path, `/package.Service/Method`, is open. What is not in the table is closed.
fn open_to(path: &str) -> Open {
    let (service, method) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default();
    match (service, method) {
        ("acre.v1.Joining", "Join") => Open::All,
        ("acre.v1.Joining", "Renew") => Open::Members,
        ("acre.v1.Joining", "CreateToken") => Open::People,
        ("acre.v1.Agents", _) => Open::Agents,
        ("acre.v1.Blobs", _) => Open::Members,
        // A farm that many use is stopped where it runs.
        ("acre.v1.Fleet", "Stop") => Open::Here,
        (
            "acre.v1.Runs"
            | "acre.v1.Logs"
            | "acre.v1.Projects"
            | "acre.v1.Tasks"
            | "acre.v1.Notifications"
            | "acre.v1.Fleet",
            _,
        ) => Open::People,
        ("grpc.health.v1.Health" | "grpc.reflection.v1.ServerReflection", _) => Open::Members,
        _ => Open::Here,
    }
}

/// Whether a caller may ask for the call of this path.
fn judge(caller: &Caller, path: &str) -> Result<(), Status> {
    let denied = |why: &str| Err(Status::permission_denied(format!("{path}: {why}")));
    match (open_to(path), caller) {
        (_, Caller::Here) | (Open::All, _) => Ok(()),
        (_, Caller::Nobody) => Err(Status::unauthenticated(
            "this needs a certificate of the farm; people get one by `acre farm add`, agents by `acre-agent --token-file`",
        )),
        (Open::Members, Caller::Member(_))
        | (Open::Agents, Caller::Member(Identity::Agent { .. }))
        | (Open::People, Caller::Member(Identity::Person { .. })) => Ok(()),
        (Open::Agents, Caller::Member(Identity::Person { .. })) => denied("this is for agents, not for people"),
        (Open::People, Caller::Member(Identity::Agent { .. })) => denied("this is for people, not for agents"),
        (Open::Here, Caller::Member(_)) => denied("this can be asked on the farm's own machine only"),
    }
}

/// Puts the table before services.
#[derive(Clone, Copy, Debug)]
pub struct Access;

impl<S> Layer<S> for Access {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded(inner)
    }
}

/// Services behind the table.
#[derive(Clone, Debug)]
pub struct Guarded<S>(S);

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Self::Response, Self::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // A connection that does not say whose it is, is nobody's.
        let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Nobody);
        match judge(&caller, request.uri().path()) {
            Ok(()) => Either::Left(self.0.call(request)),
            Err(status) => {
                tracing::info!(?caller, path = request.uri().path(), why = status.message(), "denied");
                Either::Right(future::ready(Ok(status.into_http())))
            }
        }
    }
}

/// Who asks.
pub(super) fn caller<T>(request: &tonic::Request<T>) -> Caller {
    request.extensions().get().cloned().unwrap_or(Caller::Nobody)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of `hnap` (here, nobody, agent, person) may ask.
    #[test]
    fn who_may_ask_what() {
        let table = [
            ("/acre.v1.Joining/Join", "hnap"),
            ("/acre.v1.Joining/Renew", "hap"),
            ("/acre.v1.Joining/CreateToken", "hp"),
            ("/acre.v1.Joining/Other", "h"),
            ("/acre.v1.Agents/Session", "ha"),
            ("/acre.v1.Agents/PushLogs", "ha"),
            ("/acre.v1.Agents/Permit", "ha"),
            ("/acre.v1.Blobs/FindMissing", "hap"),
            ("/acre.v1.Blobs/Put", "hap"),
            ("/acre.v1.Blobs/Get", "hap"),
            ("/acre.v1.Runs/Submit", "hp"),
            ("/acre.v1.Logs/Follow", "hp"),
            ("/acre.v1.Projects/SetSecret", "hp"),
            ("/acre.v1.Notifications/Add", "hp"),
            ("/acre.v1.Notifications/Test", "hp"),
            ("/acre.v1.Fleet/List", "hp"),
            ("/acre.v1.Fleet/Drain", "hp"),
            ("/acre.v1.Fleet/Stop", "h"),
            ("/grpc.health.v1.Health/Check", "hap"),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "hap"),
            ("/acre.v1.Later/Anything", "h"),
            ("/", "h"),
            ("", "h"),
            ("/acre.v1.Joining/Join/", "h"),
        ];
        let callers = [
            ('h', Caller::Here),
            ('n', Caller::Nobody),
            ('a', Caller::Member("agent:m1:default".parse().unwrap())),
            ('p', Caller::Member("person:ann".parse().unwrap())),
        ];
        for (path, expected) in table {
            let may = callers.iter().filter(|(_, caller)| judge(caller, path).is_ok());
            assert_eq!(may.map(|(letter, _)| letter).collect::<String>(), expected, "{path}");
        }
    }

    /// A service that is added must be put into the table.
    #[test]
    fn every_service_of_the_wire_is_in_the_table() {
        let set: prost_types::FileDescriptorSet = prost::Message::decode(acre_proto::v1::DESCRIPTORS).unwrap();
        let mut calls = 0;
        for service in set.file.iter().flat_map(|file| &file.service) {
            for method in &service.method {
                let path = format!("/acre.v1.{}/{}", service.name(), method.name());
                assert!(open_to(&path) != Open::Here || path == "/acre.v1.Fleet/Stop", "{path} is closed to all");
                calls += 1;
            }
        }
        assert!(calls > 20, "{calls}");
    }
}
