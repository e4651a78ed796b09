//! The layers of an image on their way from or to a registry: the lines that `docker push` and `docker pull` print where
//! there is no terminal, and the bytes of all layers in one line that is shown in place. Pure, but for [`Layers::tell`].

use crate::engine::{Said, Saying};
use acre_model::log::Stream;
use bollard::models::ProgressDetail;
use bytes::Bytes;
use std::collections::BTreeMap;

/// What is known of the layers of an image that is pushed or pulled.
#[derive(Debug)]
pub(super) struct Layers {
    /// `pushing` or `pulling`.
    what: &'static str,
    /// By the id that the engine gives them. Bounded by [`Layers::LIMIT`].
    layers: BTreeMap<String, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    /// The last remark on it. Current engines repeat `Waiting` ten times a second.
    status: String,
    /// Bytes moved and bytes in all, once any have.
    bytes: Option<(u64, u64)>,
}

impl Layers {
    /// An image has at most 127 layers on the engines there are; nothing is told of more.
    const LIMIT: usize = 512;

    pub(super) const fn new(what: &'static str) -> Self {
        Self { what, layers: BTreeMap::new() }
    }

    /// Says what one step of a push or pull means.
    pub(super) async fn tell(
        &mut self,
        id: Option<String>,
        status: Option<String>,
        detail: Option<ProgressDetail>,
        say: &Saying,
    ) {
        if let Some(said) = self.take(id, status.unwrap_or_default(), detail) {
            // Nobody listening is no reason to stop.
            say.send(said).await.ok();
        }
    }

    /// Bytes are told in place, remarks as output: `id: remark` on a layer, bare on the whole image.
    fn take(&mut self, id: Option<String>, status: String, detail: Option<ProgressDetail>) -> Option<Said> {
        let Some(id) = id.filter(|id| !id.is_empty()) else { return line(status) };
        if status.starts_with("Pulling from ") {
            // The id is the tag.
            return line(format!("{id}: {status}"));
        }
        if self.layers.len() >= Self::LIMIT && !self.layers.contains_key(&id) {
            return None;
        }
        let layer = self.layers.entry(id.clone()).or_default();
        match detail.and_then(bytes) {
            // It goes over the same bytes again.
            Some(_) if status == "Extracting" => None,
            Some((current, total)) => {
                layer.bytes = Some((current, total.max(current)));
                Some(Said::Status(self.progress()))
            }
            None if status.is_empty() || layer.status == status => None,
            None => {
                layer.remark(&status);
                line(format!("{id}: {status}"))
            }
        }
    }

    /// `pushing 3 of 7 layers, 12.3 of 40.1 MB`: those that are not at their place already, and what of them has moved.
    fn progress(&self) -> String {
        let moving: Vec<(u64, u64)> = self.layers.values().filter_map(|layer| layer.bytes).collect();
        let (current, total) = moving
            .iter()
            .fold((0, 0), |sum: (u64, u64), bytes| (sum.0.saturating_add(bytes.0), sum.1.saturating_add(bytes.1)));
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let (what, moving, all) = (self.what, moving.len(), self.layers.len());
        let layers = if all == 1 { "layer" } else { "layers" };
        format!("{what} {moving} of {all} {layers}, {:.1} of {:.1} MB", megabytes(current), megabytes(total))
    }
}

impl Layer {
    /// No bytes come with a remark: either all are over, or they begin anew.
    fn remark(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        let again = status.starts_with("Retrying ");
        self.bytes = self.bytes.map(|(_, total)| (if again { 0 } else { total }, total));
    }
}

fn line(text: String) -> Option<Said> {
    (!text.is_empty()).then(|| Said::Output(Stream::Stdout, Bytes::from(text + "\n")))
}

/// Bytes moved and bytes in all; the engine leaves out what is 0, and the latter also where it does not know it.
fn bytes(detail: ProgressDetail) -> Option<(u64, u64)> {
    let positive = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0);
    let (current, total) = (positive(detail.current), positive(detail.total));
    (current.is_some() || total.is_some()).then(|| (current.unwrap_or(0), total.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id, a remark, and bytes.
    type Step = (&'static str, &'static str, Option<(i64, i64)>);

    /// What is said of steps.
    fn said(what: &'static str, steps: &[Step]) -> Vec<String> {
        let mut layers = Layers::new(what);
        let step = |(id, status, bytes): &Step| {
            let detail = ProgressDetail { current: bytes.map(|b| b.0), total: bytes.map(|b| b.1) };
            layers.take(Some((*id).to_owned()), (*status).to_owned(), Some(detail))
        };
        let text = |said| match said {
            Said::Output(_, bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Said::Status(text) => text,
        };
        steps.iter().filter_map(step).map(text).collect()
    }

    #[test]
    fn a_push_is_told_as_docker_tells_it() {
        let digest = "1: digest: sha256:ab size: 528";
        let steps = [
            ("", "The push refers to repository [h:5000/a]", None),
            ("a", "Preparing", None),
            ("b", "Preparing", None),
            ("c", "Preparing", None),
            ("a", "Waiting", None),
            ("a", "Waiting", None),
            ("b", "Layer already exists", None),
            ("a", "Pushing", Some((1_000_000, 4_000_000))),
            ("c", "Pushing", Some((0, 500_000))),
            ("a", "Pushing", Some((4_100_000, 4_000_000))),
            ("c", "Retrying in 5 seconds", None),
            ("a", "Pushed", None),
            ("c", "Pushing", Some((250_000, 500_000))),
            ("c", "Pushed", None),
            ("", "", None),
            ("", digest, None),
        ];
        let expected = [
            "The push refers to repository [h:5000/a]\n",
            "a: Preparing\n",
            "b: Preparing\n",
            "c: Preparing\n",
            "a: Waiting\n",
            "b: Layer already exists\n",
            "pushing 1 of 3 layers, 1.0 of 4.0 MB",
            "pushing 2 of 3 layers, 1.0 of 4.5 MB",
            "pushing 2 of 3 layers, 4.1 of 4.6 MB",
            "c: Retrying in 5 seconds\n",
            "a: Pushed\n",
            "pushing 2 of 3 layers, 4.3 of 4.6 MB",
            "c: Pushed\n",
            &format!("{digest}\n"),
        ];
        assert_eq!(said("pushing", &steps), expected);
    }

    #[test]
    fn a_pull_counts_what_is_downloaded() {
        let steps = [
            ("latest", "Pulling from a", None),
            ("x", "Pulling fs layer", None),
            ("x", "Downloading", Some((3_000_000, 0))),
            ("x", "Downloading", Some((6_000_000, 0))),
            ("x", "Extracting", Some((1_000_000, 6_000_000))),
            ("x", "Pull complete", None),
            ("y", "Already exists", None),
            ("z", "Downloading", Some((0, 2_000_000))),
        ];
        let expected = [
            "latest: Pulling from a\n",
            "x: Pulling fs layer\n",
            "pulling 1 of 1 layer, 3.0 of 3.0 MB",
            "pulling 1 of 1 layer, 6.0 of 6.0 MB",
            "x: Pull complete\n",
            "y: Already exists\n",
            "pulling 2 of 3 layers, 6.0 of 8.0 MB",
        ];
        assert_eq!(said("pulling", &steps), expected);
    }

    #[test]
    fn layers_are_bounded() {
        let mut layers = Layers::new("pulling");
        let heard =
            (0..2 * Layers::LIMIT).filter_map(|id| layers.take(Some(id.to_string()), "Waiting".to_owned(), None));
        assert_eq!(heard.count(), Layers::LIMIT);
    }
}
