//! `Notifications`: whom a project notifies. Where that is goes in and never comes out, but for its host.

use super::{Services, errors::status};
use crate::{driver::Guard, outbox::check_address, tell::notice::WebhookSecret};
use acre_model::{
    ids::{NotificationName, ProjectName},
    notification::{Notification, Receiver},
    secret::SecretValue,
    text::clip,
};
use acre_proto::{
    Invalid,
    convert::{parsed, parsed_or_default},
    v1::{self, notifications_server::Notifications},
};
use reqwest::Url;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Notifications for Services {
    async fn add(
        &self,
        request: Request<v1::AddNotificationRequest>,
    ) -> Result<Response<v1::AddNotificationResponse>, Status> {
        self.board.note_asked();
        let (project, mut notification): (ProjectName, Notification) = request.into_inner().try_into()?;
        let secret = self.drawn(&mut notification.to);
        check(&notification.to)?;
        let name = notification.name.clone();
        let change = self.secrets.add_notification(&project, notification, self.clock.now().wall);
        let change = change.await.map_err(status)?;
        let guard = Guard { key: change.key().to_owned(), value: None };
        match self.driver.record_if(guard, vec![change]).await.map_err(status)? {
            true => Ok(Response::new(v1::AddNotificationResponse { secret })),
            false => Err(Status::already_exists(format!(
                "project `{project}` notifies a `{name}` already; remove that first, or take another name"
            ))),
        }
    }

    async fn list(
        &self,
        request: Request<v1::ListNotificationsRequest>,
    ) -> Result<Response<v1::ListNotificationsResponse>, Status> {
        self.board.note_asked();
        let project: ProjectName = parsed_or_default("project", &request.into_inner().project)?;
        let known = self.secrets.notification_records(&project).await.map_err(status)?;
        let notifications = known.into_iter().map(|(notification, set_at)| notification.view(set_at).into());
        Ok(Response::new(v1::ListNotificationsResponse { notifications: notifications.collect() }))
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveNotificationRequest>,
    ) -> Result<Response<v1::RemoveNotificationResponse>, Status> {
        self.board.note_asked();
        let v1::RemoveNotificationRequest { project, name } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        let change = self.secrets.delete_notification(&project, &name).await.map_err(status)?;
        self.driver.record(change).await.map_err(status)?;
        Ok(Response::new(v1::RemoveNotificationResponse {}))
    }

    async fn test(
        &self,
        request: Request<v1::TestNotificationRequest>,
    ) -> Result<Response<v1::TestNotificationResponse>, Status> {
        self.board.note_asked();
        let v1::TestNotificationRequest { project, name } = request.into_inner();
        let (project, name) = named(&project, &name)?;
        let told = self.outbox.test(&project, &name).await.map_err(status)?;
        let (taken, answer) = match told {
            Ok(answer) => (true, answer),
            Err(why) => (false, why),
        };
        Ok(Response::new(v1::TestNotificationResponse { taken, answer }))
    }
}

impl Services {
    /// Draws what webhooks are signed with, where none came; returned for whoever sets up the other side.
    fn drawn(&self, to: &mut Receiver) -> Vec<u8> {
        match to {
            Receiver::Webhook { secret, .. } if secret.expose().is_empty() => {
                *secret = WebhookSecret::text(&self.random.draw());
                secret.expose().to_vec()
            }
            Receiver::Webhook { .. } | Receiver::Slack { .. } | Receiver::Email { .. } => Vec::new(),
        }
    }
}

fn named(project: &str, name: &str) -> Result<(ProjectName, NotificationName), Invalid> {
    Ok((parsed_or_default("project", project)?, parsed("name", name)?))
}

/// What can be known before anything is sent. No text of it holds an address.
fn check(to: &Receiver) -> Result<(), Invalid> {
    match to {
        Receiver::Webhook { url, secret } => {
            check_url("webhook.url", url)?;
            WebhookSecret::parse(secret).map(drop).map_err(|why| Invalid::new("webhook.secret", why))
        }
        Receiver::Slack { url } => check_url("slack.url", url),
        Receiver::Email { address } => check_address(address).map_err(|why| Invalid::new("email.address", why)),
    }
}

fn check_url(field: &'static str, url: &SecretValue) -> Result<(), Invalid> {
    let text = std::str::from_utf8(url.expose()).unwrap_or_default();
    let url = Url::parse(text).map_err(|_| Invalid::new(field, "is no address; write https://HOST/PATH"))?;
    match (url.scheme(), url.host_str()) {
        ("https" | "http", Some(_)) if url.username().is_empty() && url.password().is_none() => Ok(()),
        ("https" | "http", Some(_)) => Err(Invalid::new(field, "has a login in it, which is not sent")),
        (scheme, _) => Err(Invalid::new(field, format!("begins with `{}:`; write https://HOST/PATH", clip(scheme)))),
    }
}
