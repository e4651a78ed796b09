//! E-mail by SMTP (RFC 5321): to one server that the farm's operator names, by TLS unless it is this machine.

use crate::tell::{Verdict, notice::Letter};
use acre_model::{secret::SecretValue, text::clip, time::Timestamp};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use reqwest::Url;
use std::{
    net::IpAddr,
    str::FromStr,
    time::{Duration, UNIX_EPOCH},
};

/// How long the server may take to say anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why e-mail cannot be sent as it is set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSmtp {
    /// The server's address is none.
    #[error(
        "`{0}` is no address of a mail server; write smtps://[USER@]HOST[:465], or smtp://[USER@]HOST[:587] for STARTTLS"
    )]
    Address(String),
    /// The address holds a password.
    #[error("the password of the mail server is read from --smtp-password-file, and stands in no address")]
    Password,
    /// Who sends is no address.
    #[error("--mail-from `{0}` is no e-mail address")]
    From(String),
    /// A user without a password, or a password without a user.
    #[error("--smtp USER@HOST and --smtp-password-file belong together")]
    Login,
    /// The certificates of authorities are none.
    #[error("--smtp-ca: {0}")]
    Authorities(String),
    /// TLS could not be set up.
    #[error("TLS for the mail server: {0}")]
    Tls(String),
}

/// Where the mail server is, and as whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpAddress {
    host: String,
    port: u16,
    user: Option<String>,
    /// TLS from the first byte (RFC 8314 §3.3), else by STARTTLS (RFC 3207).
    is_wrapped: bool,
}

impl SmtpAddress {
    /// Whether the server is this machine: then there is nobody to be kept out.
    fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for SmtpAddress {
    type Err = BadSmtp;

    fn from_str(text: &str) -> Result<Self, BadSmtp> {
        let bad = || BadSmtp::Address(clip(text));
        let url = Url::parse(text).map_err(|_| bad())?;
        let (is_wrapped, port) = match url.scheme() {
            "smtps" => (true, 465),
            "smtp" => (false, 587),
            _ => return Err(bad()),
        };
        if url.password().is_some() {
            return Err(BadSmtp::Password);
        }
        let host = url.host_str().map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty());
        let host = host.ok_or_else(bad)?.to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(bad());
        }
        // `user%40example.com@host`, where the user is an e-mail address.
        let user = url.username().replace("%40", "@");
        Ok(Self { host, port: url.port().unwrap_or(port), user: (!user.is_empty()).then_some(user), is_wrapped })
    }
}

/// Whether a text is an e-mail address, and nothing besides.
pub fn check_address(text: &str) -> Result<(), String> {
    text.parse::<Address>().map(drop).map_err(|_| format!("`{}` is no e-mail address", clip(text)))
}

/// Sends e-mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Sends by this server. `authorities`: certificates (PEM) that its own must come from, instead of those that the
    /// machine trusts.
    pub fn new(
        server: &SmtpAddress,
        password: Option<&SecretValue>,
        from: &str,
        authorities: Option<&[u8]>,
    ) -> Result<Self, BadSmtp> {
        let address: Address = from.parse().map_err(|_| BadSmtp::From(clip(from)))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.clone())
            .port(server.port)
            .timeout(Some(PATIENCE))
            .tls(tls(server, authorities)?);
        match (&server.user, password.map(|password| std::str::from_utf8(password.expose()))) {
            (Some(user), Some(Ok(password))) => {
                builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
            }
            (None, None) => {}
            _ => return Err(BadSmtp::Login),
        }
        Ok(Self { transport: builder.build(), from: Mailbox::new(None, address) })
    }

    /// Sends a letter; what the server answered. `id` is one for all tries.
    pub(super) async fn send(&self, to: &str, id: &str, letter: &Letter, now: Timestamp) -> Result<String, Verdict> {
        let refused = |why: &dyn std::fmt::Display| Verdict::Refused(clip(&why.to_string()));
        let to: Address = to.parse().map_err(|_| refused(&"what is stored is no e-mail address"))?;
        // That nobody's absence answers it (RFC 3834 §5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .date(UNIX_EPOCH + Duration::from_secs(now.as_millis() / 1000))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .subject(letter.subject.clone())
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.clone())
            .map_err(|why| refused(&why))?;
        match self.transport.send(message).await {
            Ok(response) => {
                Ok(clip(&format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "))))
            }
            Err(why) if why.is_permanent() => Err(refused(&why)),
            Err(why) => Err(Verdict::Later { why: clip(&why.to_string()), after_ms: None }),
        }
    }
}

/// TLS is wanted of everybody but this machine, unless its authorities are named.
fn tls(server: &SmtpAddress, authorities: Option<&[u8]>) -> Result<Tls, BadSmtp> {
    if !server.is_wrapped && server.is_here() && authorities.is_none() {
        return Ok(Tls::None);
    }
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(pem) = authorities {
        let certificate = Certificate::from_pem(pem).map_err(|why| BadSmtp::Authorities(clip(&why.to_string())))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let parameters = builder.build().map_err(|why| BadSmtp::Tls(clip(&why.to_string())))?;
    Ok(if server.is_wrapped { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_address() {
        let table = [
            ("smtps://mail.example", Some(("mail.example", 465, None, true))),
            ("smtp://mail.example", Some(("mail.example", 587, None, false))),
            ("smtp://farm@mail.example:25", Some(("mail.example", 25, Some("farm"), false))),
            ("smtps://farm%40x.example@mail.example", Some(("mail.example", 465, Some("farm@x.example"), true))),
            ("smtp://[::1]:2525", Some(("::1", 2525, None, false))),
            ("https://mail.example", None),
            ("mail.example", None),
            ("smtp://", None),
            ("smtp://mail.example/x", None),
            ("smtp://mail.example?tls=none", None),
        ];
        for (text, expected) in table {
            let read = text.parse::<SmtpAddress>();
            let expected = expected.map(|(host, port, user, is_wrapped)| {
                let user = user.map(str::to_owned);
                SmtpAddress { host: host.to_owned(), port, user, is_wrapped }
            });
            assert_eq!(read.as_ref().ok(), expected.as_ref(), "{text}: {read:?}");
        }
        assert_eq!("smtp://farm:s3cret@h.example".parse::<SmtpAddress>(), Err(BadSmtp::Password));
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let table = [
            ("smtp://127.0.0.1:25", true),
            ("smtp://localhost:25", true),
            ("smtp://[::1]:25", true),
            ("smtps://127.0.0.1", false),
            ("smtp://mail.example:25", false),
            ("smtp://10.0.0.1:25", false),
            ("smtp://localhost.example:25", false),
        ];
        for (text, expected) in table {
            let tls = tls(&text.parse().unwrap(), None).unwrap();
            assert_eq!(matches!(tls, Tls::None), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_one_address() {
        for good in ["a@b.example", "first.last+tag@sub.example"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        let bad =
            ["", "a", "a@b.example\r\nBcc: c@d.example", "a@b.example,c@d.example", "A <a@b.example>", "a@b c.example"];
        for bad in bad {
            assert!(check_address(bad).is_err(), "{bad:?}");
        }
    }
}
