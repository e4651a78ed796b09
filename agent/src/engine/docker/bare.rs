//! Containers that have nothing but programs of acre's own, and no right to anything. Pure.

use crate::engine::{EngineError, Labels};
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount};
use bytes::Bytes;

/// Nobody: the program needs no right to anything.
const USER: &str = "65534:65534";

/// The only layer of an image that has nothing but these programs, under their names.
pub(super) fn root<'a>(programs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Bytes, EngineError> {
    let files = programs.into_iter().map(|(name, program)| (name, program, 0o755));
    tar_of(files).map_err(|why| EngineError::Refused(why.to_string()))
}

/// A container of such an image that runs the program of this name.
pub(super) fn container(image: String, name: &str, labels: &Labels, mounts: Vec<Mount>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image),
        cmd: Some(vec![format!("/{name}")]),
        user: Some(USER.to_owned()),
        labels: Some(labels.clone().into_iter().collect()),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            mounts: Some(mounts),
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// An archive of files with these names, contents and modes.
pub(super) fn tar_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8], u32)>) -> std::io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content)?;
    }
    archive.into_inner().map(Bytes::from)
}
