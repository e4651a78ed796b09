//! Image indexes as texts (OCI image specification, "Image Index"; distribution's "Manifest List"). Pure: the same
//! children make the same bytes.

use super::Manifest;
use acre_model::{digest::Digest, platform::Platform, windows::OsVersion};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// An index, ready to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageIndex {
    /// Of OCI or Docker, as its children are.
    pub(crate) media_type: &'static str,
    /// Its text.
    pub(crate) bytes: Vec<u8>,
    /// Of the text.
    pub(crate) digest: Digest,
}

/// An image as an index names it (OCI image specification, "Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Named,
}

impl Descriptor {
    /// Whether it is for Windows, and does not say for which: engines there cannot tell whether they can run it.
    pub(crate) fn lacks_version(&self) -> bool {
        self.platform.os == "windows" && self.platform.os_version.is_none()
    }
}

/// A platform as an index names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Named {
    architecture: String,
    os: String,
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    os_features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
}

/// What an image's configuration tells of its platform (OCI image specification, "Image Configuration").
#[derive(Deserialize)]
struct Configuration {
    architecture: String,
    os: String,
    #[serde(default, rename = "os.version")]
    os_version: Option<String>,
    #[serde(default, rename = "os.features")]
    os_features: Vec<String>,
}

/// The media type of a child, which is one of two.
pub(crate) fn media_type(manifest: &Manifest) -> &'static str {
    if manifest.media_type == DOCKER_MANIFEST { DOCKER_MANIFEST } else { OCI_MANIFEST }
}

/// The digest of a manifest's configuration.
pub(crate) fn configuration(manifest: &Manifest) -> Result<Digest, String> {
    #[derive(Deserialize)]
    struct Image {
        config: Part,
    }
    #[derive(Deserialize)]
    struct Part {
        digest: String,
    }
    if ![OCI_MANIFEST, DOCKER_MANIFEST].contains(&manifest.media_type.as_str()) {
        return Err(format!("it is no image of one platform, but of type {}", manifest.media_type));
    }
    let image: Image = serde_json::from_slice(&manifest.bytes).map_err(|why| format!("its manifest: {why}"))?;
    image.config.digest.parse().map_err(|why| format!("its manifest: {why}"))
}

/// The versions of Windows that an index's images for windows/amd64 are for.
pub(crate) fn windows_versions(index: &[u8]) -> Vec<OsVersion> {
    let index: serde_json::Value = serde_json::from_slice(index).unwrap_or_default();
    let platforms = index["manifests"].as_array().into_iter().flatten().map(|child| &child["platform"]);
    let windows = platforms.filter(|platform| platform["os"] == "windows" && platform["architecture"] == "amd64");
    windows.filter_map(|platform| platform["os.version"].as_str()?.parse().ok()).collect()
}

/// What an index says of an image that was built for a platform. The variant is that which was asked for: an image may
/// be made of parts for a lower one.
pub(crate) fn descriptor(
    digest: Digest,
    platform: &Platform,
    manifest: &Manifest,
    configuration: &[u8],
) -> Result<Descriptor, String> {
    let found: Configuration =
        serde_json::from_slice(configuration).map_err(|why| format!("its configuration: {why}"))?;
    let is_same = match format!("{}/{}", found.os, found.architecture).parse::<Platform>() {
        Ok(found) => found.os() == platform.os() && found.arch() == platform.arch(),
        Err(_) => false,
    };
    if !is_same {
        let Configuration { os, architecture, .. } = found;
        return Err(format!("it is for {os}/{architecture}; is a base pinned by `FROM --platform`?"));
    }
    Ok(Descriptor {
        media_type: manifest.media_type.clone(),
        digest,
        size: manifest.bytes.len() as u64,
        platform: Named {
            architecture: platform.arch().to_owned(),
            os: platform.os().to_owned(),
            os_version: found.os_version,
            os_features: found.os_features,
            variant: platform.variant().map(str::to_owned),
        },
    })
}

/// The index of these images. One of Docker's images alone is Docker's, too: older engines and registries know no other.
pub(crate) fn image_index(children: &[Descriptor]) -> ImageIndex {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Text<'a> {
        schema_version: u8,
        media_type: &'a str,
        manifests: &'a [Descriptor],
    }
    let is_docker = children.iter().all(|child| child.media_type == DOCKER_MANIFEST);
    let media_type = if is_docker { DOCKER_LIST } else { OCI_INDEX };
    let text = Text { schema_version: 2, media_type, manifests: children };
    // Writing plain values into memory does not fail.
    let bytes = serde_json::to_vec(&text).unwrap_or_default();
    let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
    ImageIndex { media_type, bytes, digest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    fn manifest(media_type: &str) -> Manifest {
        let bytes = format!(r#"{{"config":{{"digest":"{}"}}}}"#, digest(9)).into_bytes();
        Manifest { media_type: media_type.to_owned(), bytes }
    }

    fn child(byte: u8, platform: &str, media_type: &str, configuration: &str) -> Result<Descriptor, String> {
        descriptor(digest(byte), &platform.parse().unwrap(), &manifest(media_type), configuration.as_bytes())
    }

    #[test]
    fn children_are_named_with_their_platforms() {
        let table = [
            ("linux/amd64", r#"{"os":"linux","architecture":"amd64"}"#, r#"{"architecture":"amd64","os":"linux"}"#),
            (
                "linux/arm/v7",
                r#"{"os":"linux","architecture":"arm","variant":"v6"}"#,
                r#"{"architecture":"arm","os":"linux","variant":"v7"}"#,
            ),
            (
                "linux/arm64/v8",
                r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#,
                r#"{"architecture":"arm64","os":"linux"}"#,
            ),
            (
                "windows/amd64",
                r#"{"os":"windows","architecture":"amd64","os.version":"10.0.20348.1","os.features":["win32k"]}"#,
                r#"{"architecture":"amd64","os":"windows","os.version":"10.0.20348.1","os.features":["win32k"]}"#,
            ),
        ];
        for (platform, configuration, expected) in table {
            let found = child(1, platform, OCI_MANIFEST, configuration).unwrap();
            assert_eq!(serde_json::to_string(&found.platform).unwrap(), expected, "{platform}");
            assert!(!found.lacks_version(), "{platform}");
        }
        let unsaid = child(1, "windows/amd64", OCI_MANIFEST, r#"{"os":"windows","architecture":"amd64"}"#).unwrap();
        assert!(unsaid.lacks_version());
    }

    #[test]
    fn versions_of_windows_are_read_from_an_index() {
        let index = br#"{"manifests": [
            {"platform": {"os": "linux", "architecture": "amd64"}},
            {"platform": {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"}},
            {"platform": {"os": "windows", "architecture": "arm64", "os.version": "10.0.26100.1"}},
            {"platform": {"os": "windows", "architecture": "amd64"}}
        ]}"#;
        let versions: Vec<String> = windows_versions(index).iter().map(ToString::to_string).collect();
        assert_eq!(versions, ["10.0.17763.1"]);
        assert_eq!(windows_versions(b"["), []);
    }

    #[test]
    fn what_is_no_child_is_told() {
        let amd64 = r#"{"os":"linux","architecture":"amd64"}"#;
        let table = [
            ("linux/386", amd64, "it is for linux/amd64"),
            ("windows/amd64", amd64, "it is for linux/amd64"),
            ("linux/amd64", r#"{"os":"linux"}"#, "its configuration: missing field"),
            ("linux/amd64", r#"{"os":"plan9","architecture":"amd64"}"#, "it is for plan9/amd64"),
            ("linux/amd64", "[", "its configuration"),
        ];
        for (platform, configuration, expected) in table {
            let why = child(1, platform, OCI_MANIFEST, configuration).unwrap_err();
            assert!(why.contains(expected), "{platform} {configuration}: {why}");
        }
        assert_eq!(configuration(&manifest(DOCKER_MANIFEST)), Ok(digest(9)));
        let list = configuration(&manifest(DOCKER_LIST)).unwrap_err();
        assert!(list.contains("no image of one platform"), "{list}");
        let bad = Manifest { media_type: OCI_MANIFEST.to_owned(), bytes: b"{}".to_vec() };
        assert!(configuration(&bad).unwrap_err().contains("missing field `config`"));
    }

    #[test]
    fn an_index_is_of_the_kind_of_its_children_and_always_the_same() {
        let configuration = |arch: &str| format!(r#"{{"os":"linux","architecture":"{arch}"}}"#);
        let children = |kinds: [&str; 2]| {
            let [first, second] = kinds;
            [
                child(1, "linux/amd64", first, &configuration("amd64")).unwrap(),
                child(2, "linux/386", second, &configuration("386")).unwrap(),
            ]
        };
        let table = [
            ([DOCKER_MANIFEST, DOCKER_MANIFEST], DOCKER_LIST),
            ([OCI_MANIFEST, OCI_MANIFEST], OCI_INDEX),
            ([OCI_MANIFEST, DOCKER_MANIFEST], OCI_INDEX),
        ];
        for (kinds, expected) in table {
            let index = image_index(&children(kinds));
            assert_eq!(index.media_type, expected);
            assert_eq!(index, image_index(&children(kinds)));
            let text: serde_json::Value = serde_json::from_slice(&index.bytes).unwrap();
            assert_eq!((&text["schemaVersion"], &text["mediaType"]), (&2.into(), &expected.into()));
            let second = &text["manifests"][1];
            assert_eq!(second["digest"], digest(2).to_string());
            assert_eq!(second["size"], manifest(OCI_MANIFEST).bytes.len());
            assert_eq!(second["platform"], serde_json::json!({"architecture": "386", "os": "linux"}));
        }
    }
}
