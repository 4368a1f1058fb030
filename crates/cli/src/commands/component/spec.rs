//! What a component is to be, beside its image and id.

use clap::Args;
use weft_lattice::protocol::control::{ScaleComponent, render_limits};
use weft_lattice::protocol::wire::annotation;
use weft_manifest::{LimitError, read_limit};
use weft_model::id::{ComponentId, ConfigName, HostId};
use weft_model::inventory::{ComponentInventory, HostInventory};
use weft_model::labels::Annotations;
use weft_model::limits::LimitOverrides;
use weft_model::reference::Reference;

use crate::arguments::parse_label;

/// What a component is to be, beside its image and id.
#[derive(Args, Clone, Debug)]
pub(crate) struct SpecArgs {
    /// How many of its calls may run at once on the host
    #[arg(
        id = "instances",
        long = "max-instances",
        visible_alias = "max",
        env = "WEFT_INSTANCES",
        value_name = "NUMBER",
        default_value_t = 1,
        hide_env_values = true
    )]
    pub(crate) max_instances: u32,

    /// Config that it reads; may be given several times, later ones win
    #[arg(
        long,
        env = "WEFT_CONFIG",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) config: Vec<ConfigName>,

    /// Annotation for what is started; may be given several times
    #[arg(
        long, env = "WEFT_ANNOTATION", value_name = "KEY=VALUE", value_parser = parse_label, value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) annotation: Vec<(String, String)>,

    /// Limit, such as `memory=64MiB` or `call-duration=5s`; may be given several times
    #[arg(
        long, env = "WEFT_LIMIT", value_name = "KEY=VALUE", value_parser = parse_limit, value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) limit: Vec<String>,
}

/// Checks that `text` is a limit.
fn parse_limit(text: &str) -> Result<String, LimitError> {
    read_limit(text, &mut LimitOverrides::default())?;
    Ok(text.to_owned())
}

/// The component `id` in what a host runs.
pub(super) fn running<'h>(
    host: &'h HostInventory,
    id: &ComponentId,
) -> Option<&'h ComponentInventory> {
    host.components.iter().find(|one| one.id == *id)
}

/// `component` on `host`, in words.
pub(super) fn words(id: &ComponentId, host: &HostInventory) -> String {
    format!("component `{id}` on host `{}`", host.friendly_name)
}

/// The annotations of `running`, for when it is to run from `image`: the digest is that of the image it had.
pub(super) fn kept_annotations(running: &ComponentInventory, image: &Reference) -> Annotations {
    let mut annotations = running.annotations.clone();
    if running.image != image.as_str() {
        annotations.remove(annotation::DIGEST);
    }
    annotations
}

// ===== impl SpecArgs =====

impl SpecArgs {
    /// The request for it. What the arguments do not name stays as it is with `running`: annotations, limits, and configs
    /// where an annotation tells them.
    pub(super) fn request(
        &self,
        host: &HostId,
        id: &ComponentId,
        image: &Reference,
        running: Option<&ComponentInventory>,
    ) -> ScaleComponent {
        let mut request = ScaleComponent::new(host, id, image, self.max_instances);
        let kept = running.map(|one| kept_annotations(one, image));
        let kept = kept.unwrap_or_default();
        let configs = self.configs(&kept);
        request.set_configs(&configs);
        let mut annotations = if self.annotation.is_empty() {
            kept
        } else {
            self.annotation.iter().cloned().collect()
        };
        // Hosts do not tell configs, so that they are noted where the next scaling finds them.
        if !configs.is_empty() {
            let names: Vec<&str> = configs.iter().map(ConfigName::as_str).collect();
            annotations.insert(annotation::CONFIG.to_owned(), names.join(" "));
        }
        if !self.limit.is_empty() {
            annotations.remove(annotation::LIMITS);
        }
        request.annotations = Some(annotations);
        let mut limits = running.and_then(|one| one.limits).unwrap_or_default();
        for limit in &self.limit {
            read_limit(limit, &mut limits).expect("the arguments were checked");
        }
        request.component_limits = render_limits(&limits);
        request
    }

    /// The configs that are named, or those that the annotations of what runs name.
    fn configs(&self, kept: &Annotations) -> Vec<ConfigName> {
        if !self.config.is_empty() {
            return self.config.clone();
        }
        let names = kept.get(annotation::CONFIG).map(String::as_str);
        names
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|name| name.parse().ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> SpecArgs {
        SpecArgs {
            max_instances: 5,
            config: Vec::new(),
            annotation: Vec::new(),
            limit: Vec::new(),
        }
    }

    fn web(annotations: &[(&str, &str)]) -> ComponentInventory {
        let pairs = annotations.iter();
        ComponentInventory {
            id: "web".parse().unwrap(),
            image: "x:1".to_owned(),
            name: None,
            annotations: pairs
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            instances_max: 1,
            limits: Some(LimitOverrides {
                memory_bytes_max: Some(1 << 20),
                ..LimitOverrides::default()
            }),
            problems: Vec::new(),
        }
    }

    fn request(
        args: &SpecArgs,
        image: &str,
        running: Option<&ComponentInventory>,
    ) -> ScaleComponent {
        let (host, id) = ("NABC".parse().unwrap(), "web".parse().unwrap());
        args.request(&host, &id, &image.parse().unwrap(), running)
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let running = web(&[
            ("team", "a"),
            ("weft.config", "words colors"),
            ("weft.digest", "sha256:0"),
        ]);
        let request = request(&args(), "x:1", Some(&running));
        assert_eq!(request.config, ["words", "colors"]);
        assert_eq!(request.annotations.as_ref(), Some(&running.annotations));
        assert_eq!(request.limits(), running.limits);
        assert_eq!(request.instances_max, 5);
    }

    #[test]
    fn another_image_has_another_digest() {
        let running = web(&[("team", "a"), ("weft.digest", "sha256:0")]);
        let annotations = request(&args(), "x:2", Some(&running)).annotations.unwrap();
        assert_eq!(
            annotations.into_iter().collect::<Vec<_>>(),
            [("team".to_owned(), "a".to_owned())]
        );
    }

    #[test]
    fn what_is_named_comes_before_what_is_there() {
        let running = web(&[
            ("team", "a"),
            ("weft.limits", "x"),
            ("weft.config", "words"),
        ]);
        let args = SpecArgs {
            config: vec!["other".parse().unwrap()],
            limit: vec!["memory=2MiB".to_owned(), "call-depth=3".to_owned()],
            ..args()
        };
        let request = request(&args, "x:1", Some(&running));
        assert_eq!(request.config, ["other"]);
        let limits = request.limits().unwrap();
        assert_eq!(
            (limits.memory_bytes_max, limits.call_depth_max),
            (Some(2 << 20), Some(3))
        );
        let annotations = request.annotations.unwrap();
        assert_eq!(annotations["weft.config"], "other");
        assert!(!annotations.contains_key("weft.limits"));
    }
}
