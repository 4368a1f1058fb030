//! Where the types of a component come from.

use std::path::PathBuf;
use std::sync::Arc;

use weft_artifact::Artifacts;
use weft_artifact::progress::Silent;
use weft_lattice::Lattice;
use weft_model::reference::Reference;

use super::error::CallFailure;
use crate::commands::get::{GetError, all_hosts};
use crate::context::Context;
use crate::failure::Failure;
use crate::wit::Wit;

/// What is known of where the types are.
pub(crate) struct WitSource {
    /// As the arguments say.
    pub(crate) path: Option<PathBuf>,
    /// Whose types they are.
    pub(crate) component: String,
}

/// Reads the types: from the path, else from what the hosts say that the component was started from.
pub(crate) async fn find_wit(
    source: &WitSource,
    lattice: &Lattice,
    context: &mut Context,
) -> Result<Wit, Failure> {
    if let Some(path) = &source.path {
        return Ok(Wit::read(&context.directory.join(path))?);
    }
    let image = find_image(&source.component, lattice, context).await?;
    context
        .console
        .detail(&format!("types of `{}` from `{image}`", source.component));
    let no_wit = |why| CallFailure::NoWit {
        component: source.component.clone(),
        why,
    };
    let reference: Reference = image
        .parse()
        .map_err(|_| no_wit("its image is no reference that can be read"))?;
    let fetch = |error: weft_artifact::FetchError| CallFailure::Fetch {
        component: source.component.clone(),
        image: image.clone(),
        source: Box::new(error),
    };
    let artifacts = Artifacts::open(weft_artifact::Options::default()).map_err(fetch)?;
    let fetched = artifacts
        .component(&reference, None, Arc::new(Silent))
        .await
        .map_err(fetch)?;
    Ok(Wit::decode(&source.component, &fetched.artifact.bytes)?)
}

async fn find_image(
    component: &str,
    lattice: &Lattice,
    context: &Context,
) -> Result<String, Failure> {
    let control = lattice.control();
    let no_wit = |why| CallFailure::NoWit {
        component: component.to_owned(),
        why,
    };
    let get = |error| GetError::of(error, lattice.name());
    let hosts = all_hosts(&control, context.global.timeout)
        .await
        .map_err(get)?;
    for host in hosts {
        let Ok(id) = host.host() else {
            continue;
        };
        // A host that has gone meanwhile tells nothing.
        let Ok(inventory) = control.inventory(&id).await else {
            continue;
        };
        let mut components = inventory.value.components.into_iter();
        if let Some(found) = components.find(|found| found.id.as_str() == component) {
            return Ok(found.image);
        }
        let mut providers = inventory.value.providers.iter();
        if providers.any(|found| found.id.as_str() == component) {
            return Err(no_wit("it is a provider, and those do not tell their types").into());
        }
    }
    Err(no_wit("no host says that it runs this component").into())
}
