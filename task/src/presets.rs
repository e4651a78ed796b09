//! Presets: words of the language that stand for images of tools (task language §6). Which image each one means is the
//! farm's to say.

use acre_model::{reference::Reference, text::nearest};
use std::collections::BTreeMap;

/// ACR's public images (Azure/acr-builder, `graph/global-defaults-linux.go`).
const OF_ACR: [(&str, &str); 5] = [
    ("acr", "mcr.microsoft.com/acr/acr-cli:0.14"),
    ("az", "mcr.microsoft.com/acr/azure-cli:9fb281c"),
    ("bash", "mcr.microsoft.com/acr/bash:9fb281c"),
    ("cssc", "mcr.microsoft.com/acr/cssc:9fb281c"),
    ("curl", "mcr.microsoft.com/acr/curl:9fb281c"),
];

/// The image that each preset stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presets(BTreeMap<&'static str, String>);

impl Default for Presets {
    fn default() -> Self {
        Self(OF_ACR.map(|(name, image)| (name, image.to_owned())).into())
    }
}

impl Presets {
    /// Lets a preset stand for another image.
    ///
    /// # Errors
    /// For people, where there is no such preset.
    pub fn set(&mut self, name: &str, image: &Reference) -> Result<(), String> {
        let names = || OF_ACR.iter().map(|(name, _)| *name);
        match self.0.get_mut(name) {
            Some(stands_for) => {
                *stands_for = image.to_string();
                Ok(())
            }
            None => {
                let near = nearest(name, names()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let all = names().collect::<Vec<_>>().join(", ");
                Err(format!("`{name}` is no preset; there are {all}{near}"))
            }
        }
    }

    /// Name and image of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, image)| (*name, image.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_stands_for_what_the_farm_says() {
        let mut presets = Presets::default();
        presets.set("bash", &"r.example/tools/bash:5".parse().unwrap()).unwrap();
        let images: Vec<&str> = presets.iter().filter(|(name, _)| *name == "bash").map(|(_, image)| image).collect();
        assert_eq!(images, ["r.example/tools/bash:5"]);
        let refused = presets.set("bsh", &"r.example/x".parse().unwrap());
        assert_eq!(
            refused.unwrap_err(),
            "`bsh` is no preset; there are acr, az, bash, cssc, curl; did you mean `bash`?"
        );
    }
}
