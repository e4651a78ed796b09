//! Whether two addresses are those of one repository.

/// Whether `event`, an address that a host gave, and `own`, the one that a trigger is for, lead to one repository.
///
/// A webhook may be that of a whole organization, so this is asked before an event starts anything. Hosts have every
/// repository under several addresses: scheme, user and default port, a closing `.git` or `/`, and what stands behind
/// `#`, make no difference, and nor does case, as on all hosts that are known here.
pub fn is_same_repository(event: &str, own: &str) -> bool {
    let event = Place::of(event);
    event.is_some() && event == Place::of(own)
}

/// Where a repository is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// `host`, or `host:port` where the port is not that of the scheme.
    host: String,
    /// The path, without what makes no difference.
    path: String,
}

impl Place {
    fn of(address: &str) -> Option<Self> {
        let address = address.split_once('#').map_or(address, |(address, _)| address).to_ascii_lowercase();
        let (host, path) = match address.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/')?;
                (without_port(scheme, authority), path)
            }
            // `git@host:path`, as scp has it (git-clone(1), "Git URLs").
            None => address.split_once(':')?,
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_something = !host.is_empty() && !path.is_empty();
        is_something.then(|| Self { host: host.to_owned(), path: path.to_owned() }.on_azure_devops())
    }

    /// Azure DevOps has `ssh.dev.azure.com:v3/team/project/app` for `dev.azure.com/team/project/_git/app`.
    fn on_azure_devops(self) -> Self {
        match (self.host.as_str(), self.path.strip_prefix("v3/")) {
            ("ssh.dev.azure.com", Some(path)) => Self { host: "dev.azure.com".to_owned(), path: path.to_owned() },
            ("dev.azure.com", _) => Self { path: self.path.replace("/_git/", "/"), ..self },
            _ => self,
        }
    }
}

/// The authority without the port that its scheme has anyway.
fn without_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        "ssh" => ":22",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_many_addresses() {
        let same = [
            "https://github.com/Octocat/Hello.git",
            "https://github.com/octocat/hello",
            "https://github.com/octocat/hello/",
            "https://user:token@github.com:443/octocat/hello.git#main:sub",
            "http://github.com:80/octocat/hello",
            "ssh://git@github.com/octocat/hello.git",
            "ssh://git@github.com:22/octocat/hello",
            "git@github.com:octocat/hello.git",
            "git@github.com:/octocat/hello.git",
            "github.com:octocat/hello",
        ];
        for own in same {
            assert!(is_same_repository(same[0], own), "{own}");
        }
        let others = [
            "https://github.com/octocat/hello2",
            "https://github.com/octocat/hel",
            "https://github.com/other/hello",
            "https://github.com.example.com/octocat/hello",
            "https://github.com@example.com/octocat/hello",
            "https://example.com/github.com/octocat/hello",
            "https://github.com:8443/octocat/hello",
            "https://github.com/",
            "https://github.com",
            "octocat/hello",
            "",
        ];
        for own in others {
            assert!(!is_same_repository(same[0], own), "{own}");
        }
        assert!(!is_same_repository("", ""), "what is no address is that of no repository");
    }

    #[test]
    fn azure_devops_has_another_path_for_ssh() {
        let https = "https://team@dev.azure.com/team/project/_git/app";
        assert!(is_same_repository(https, "git@ssh.dev.azure.com:v3/team/project/app"));
        assert!(is_same_repository(https, "https://dev.azure.com/team/project/_git/app"));
        assert!(!is_same_repository(https, "git@ssh.dev.azure.com:v3/team/project/app2"));
    }

    #[test]
    fn a_port_of_ones_own_stays() {
        let own = "http://localhost:3000/example/example.git";
        assert!(is_same_repository(own, "http://localhost:3000/example/example"));
        assert!(!is_same_repository(own, "http://localhost:3001/example/example"));
        assert!(!is_same_repository(own, "http://localhost/example/example"));
    }
}
