//! Whom a project notifies: in memory, for as long as the farm.

use super::{Service, views};
use acre_model::{
    ids::ProjectName,
    notification::{Notification, Receiver},
};
use acre_proto::v1::{self, notifications_server};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl notifications_server::Notifications for Service {
    async fn add(
        &self,
        request: Request<v1::AddNotificationRequest>,
    ) -> Result<Response<v1::AddNotificationResponse>, Status> {
        let (project, notification): (ProjectName, Notification) = request.into_inner().try_into()?;
        let draws = matches!(&notification.to, Receiver::Webhook { secret, .. } if secret.expose().is_empty());
        let secret = if draws { b"whsec_drawn".to_vec() } else { Vec::new() };
        let key = (project.to_string(), notification.name.to_string());
        self.note(|asked| drop(asked.notifications.insert(key, notification)));
        Ok(Response::new(v1::AddNotificationResponse { secret }))
    }

    async fn list(
        &self,
        request: Request<v1::ListNotificationsRequest>,
    ) -> Result<Response<v1::ListNotificationsResponse>, Status> {
        let wanted = request.into_inner().project;
        let asked = self.0.asked.lock().unwrap();
        let of_project = asked.notifications.iter().filter(|((project, _), _)| *project == wanted);
        let notifications = of_project.map(|(_, known)| known.view(views::START).into()).collect();
        Ok(Response::new(v1::ListNotificationsResponse { notifications }))
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveNotificationRequest>,
    ) -> Result<Response<v1::RemoveNotificationResponse>, Status> {
        let v1::RemoveNotificationRequest { project, name } = request.into_inner();
        let none = Status::not_found(format!("project `{project}` notifies no `{name}`"));
        self.0.asked.lock().unwrap().notifications.remove(&(project, name)).ok_or(none)?;
        Ok(Response::new(v1::RemoveNotificationResponse {}))
    }

    async fn test(
        &self,
        request: Request<v1::TestNotificationRequest>,
    ) -> Result<Response<v1::TestNotificationResponse>, Status> {
        let name = request.into_inner().name;
        let answer = if name == "ops" { "it answers 200 OK: ok" } else { "it answers 404 Not Found" };
        Ok(Response::new(v1::TestNotificationResponse { taken: name == "ops", answer: answer.to_owned() }))
    }
}
