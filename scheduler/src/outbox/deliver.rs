//! Delivering a message: what it says is made, with what opens its receiver's door, and sent.

use super::{
    Outbox,
    post::{self, Answer, Unanswered},
};
use crate::{
    blobs::digest_of,
    stored_tasks::TaskError,
    tell::{
        Message, Tiding, To, Verdict,
        notice::{Subject, WebhookSecret, letter, slack, webhook},
        status::{self, Request},
    },
    triggers::is_same_repository,
};
use acre_model::{
    ids::{CommitId, NotificationName, ProjectName},
    notification::{Notification, Receiver},
    secret::SecretValue,
    submission::Source,
    trigger::StatusHost,
};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use reqwest::Url;

/// How long one delivery may take, in milliseconds.
const LONGEST: u64 = 60_000;

/// What came of an attempt to notify somebody: what they answered, or why nothing was.
type Told = Result<String, (Verdict, String)>;

impl Outbox {
    /// Delivers a message.
    pub(super) async fn deliver(&self, message: &Message) -> Verdict {
        let about = &message.about;
        let delivered = async {
            match &message.to {
                To::Status { host, commit } => self.tell_host(*host, commit, about).await,
                To::Notice { name, occasion } => {
                    let id = digest_of(message.key().as_bytes()).hex();
                    self.tell_one(&about.project, name, &id[..32], &Subject::Run(about, *occasion)).await
                }
            }
        };
        self.in_time(delivered).await.unwrap_or_else(|| {
            let why = format!("it takes longer than {} s", LONGEST / 1000);
            Verdict::Later { why, after_ms: None }
        })
    }

    /// Sends somebody a test; what they answered. The error says why they were not reached.
    pub async fn test(
        &self,
        project: &ProjectName,
        name: &NotificationName,
    ) -> Result<Result<String, String>, TaskError> {
        let found = self.secrets.notification(project, name).await?;
        let missing = || format!("project `{project}` notifies no `{name}`");
        let who = found.ok_or_else(|| crate::secrets::SecretsError::Missing(missing()))?;
        let drawn: [u8; 32] = self.random.draw();
        let id = digest_of(&drawn).hex();
        let told = self.in_time(self.notify(&who, &id[..32], &Subject::Test { project: project.as_str() })).await;
        let late = || Err(format!("it takes longer than {} s", LONGEST / 1000));
        Ok(told.map_or_else(late, |told| told.map_err(|(_, why)| why)))
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let until = self.clock.now().mono.plus_millis(LONGEST);
        tokio::select! {
            done = work => Some(done),
            () = self.clock.sleep_until(until) => None,
        }
    }

    /// Tells a commit's host. The token goes where the task's own repository is, and nowhere else.
    async fn tell_host(&self, host: StatusHost, commit: &CommitId, about: &Tiding) -> Verdict {
        let task = match self.stored_tasks.get(&about.project, &about.task).await {
            Ok(task) => task,
            Err(TaskError::Missing { .. }) => return Verdict::Refused("its task is gone".to_owned()),
            Err(why) => return later(&why),
        };
        let own = match &task.source {
            Source::Address(own) if is_same_repository(&about.source, own) => own,
            _ => return Verdict::Refused("its task has another source now".to_owned()),
        };
        let token = match self.secrets.task(&about.project, &about.task).await {
            Ok(secrets) => secrets.git_token,
            Err(why) => return later(&why),
        };
        let Some(token) = token else { return Verdict::Refused("its task has no token any more".to_owned()) };
        let Some(request) = status::request(host, own, &token, commit, about) else {
            return Verdict::Refused("the task's source is no repository on such a host".to_owned());
        };
        match self.post(request, &[token.expose()]).await {
            Ok(answer) => answer.verdict(),
            Err(why) => why.into(),
        }
    }

    async fn tell_one(
        &self,
        project: &ProjectName,
        name: &NotificationName,
        id: &str,
        subject: &Subject<'_>,
    ) -> Verdict {
        match self.secrets.notification(project, name).await {
            Ok(Some(who)) => {
                self.notify(&who, id, subject).await.map_or_else(|(verdict, _)| verdict, |_| Verdict::Taken)
            }
            Ok(None) => Verdict::Refused("nobody of this name is notified any more".to_owned()),
            Err(why) => later(&why),
        }
    }

    /// Notifies somebody.
    async fn notify(&self, who: &Notification, id: &str, subject: &Subject<'_>) -> Told {
        let (request, secrets) = match &who.to {
            Receiver::Email { address } => {
                let refused = |why: &str| (Verdict::Refused(why.to_owned()), why.to_owned());
                let mailer = self
                    .mailer
                    .as_ref()
                    .ok_or_else(|| refused("this farm sends no e-mail: start its scheduler with --smtp"))?;
                return mailer.send(address, id, &letter(subject), self.clock.now().wall).await.map_err(|verdict| {
                    let why = said(&verdict);
                    (verdict, why)
                });
            }
            Receiver::Webhook { url, secret } => {
                let key = WebhookSecret::parse(secret).map_err(|why| refusal(&why))?;
                let request = webhook(address(url)?, &key, &format!("msg_{id}"), subject, self.clock.now().wall);
                (request, vec![url, secret])
            }
            Receiver::Slack { url } => {
                let json = HeaderValue::from_static("application/json");
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
                (Request { url: address(url)?, headers, body: slack(subject) }, vec![url])
            }
        };
        let secrets: Vec<&[u8]> = secrets.into_iter().map(SecretValue::expose).collect();
        let answer = self.post(request, &secrets).await.map_err(|why| (why.clone().into(), why.why))?;
        let text = answer.to_string();
        match answer.verdict() {
            Verdict::Taken => Ok(text),
            verdict => Err((verdict, text)),
        }
    }

    async fn post(&self, request: Request, secrets: &[&[u8]]) -> Result<Answer, Unanswered> {
        post::post(&self.web, request, secrets, self.clock.now().wall).await
    }
}

fn later(why: &dyn std::fmt::Display) -> Verdict {
    Verdict::Later { why: why.to_string(), after_ms: None }
}

fn refusal(why: &dyn std::fmt::Display) -> (Verdict, String) {
    (Verdict::Refused(why.to_string()), why.to_string())
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Taken => String::new(),
        Verdict::Refused(why) | Verdict::Later { why, .. } => why.clone(),
    }
}

fn address(url: &SecretValue) -> Result<Url, (Verdict, String)> {
    let url = std::str::from_utf8(url.expose()).ok().and_then(|url| Url::parse(url).ok());
    url.ok_or_else(|| refusal(&"what is stored is no address"))
}
