//! `Fleet`: what agents there are, taking one out, stopping a farm of one user.

use super::{Services, errors::status};
use crate::driver::Stop;
use acre_model::ids::{AgentId, ProjectName};
use acre_proto::{
    convert::{parsed, parsed_or_default},
    v1::{self, fleet_server::Fleet},
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Fleet for Services {
    async fn list(&self, request: Request<v1::ListAgentsRequest>) -> Result<Response<v1::ListAgentsResponse>, Status> {
        self.board.note_asked();
        let _: ProjectName = parsed_or_default("project", &request.into_inner().project)?;
        let agents = self.board.fleet().into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListAgentsResponse { agents, version: env!("CARGO_PKG_VERSION").to_owned() }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainResponse>, Status> {
        self.board.note_asked();
        let v1::DrainRequest { project, agent, undo } = request.into_inner();
        let _: ProjectName = parsed_or_default("project", &project)?;
        let agent: AgentId = parsed("agent", &agent)?;
        match self.driver.drain(agent.clone(), !undo).await.map_err(status)? {
            Some(view) => Ok(Response::new(v1::DrainResponse { agent: Some(view.into()) })),
            None => Err(Status::not_found(format!("no agent {agent} in the fleet"))),
        }
    }

    async fn stop(&self, request: Request<v1::StopFarmRequest>) -> Result<Response<v1::StopFarmResponse>, Status> {
        let v1::StopFarmRequest { project, now } = request.into_inner();
        let _: ProjectName = parsed_or_default("project", &project)?;
        let how = if now { Stop::Now } else { Stop::WhenDone };
        let canceled = self.driver.stop(how).await.map_err(status)?;
        self.farm_stops.send_replace(true);
        Ok(Response::new(v1::StopFarmResponse { canceled }))
    }
}
