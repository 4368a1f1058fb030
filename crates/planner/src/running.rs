//! What runs, and whose it is.

use std::collections::BTreeMap;

use weft_model::annotation;
use weft_model::application::Application;
use weft_model::id::{ApplicationName, HostId};
use weft_model::inventory::{ComponentInventory, HostInventory, ProviderInventory};
use weft_model::labels::Annotations;

/// The kinds of things that have ids.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Kind {
    Component,
    Provider,
}

/// Something that runs on a host.
#[derive(Clone)]
pub(crate) struct Running<'a> {
    pub(crate) host: &'a HostId,
    pub(crate) what: What<'a>,
    pub(crate) owner: Owner<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    Component(&'a ComponentInventory),
    Provider(&'a ProviderInventory),
}

/// Whose it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Owner<'a> {
    /// Ours, for an application.
    Application(ApplicationName),
    /// Not ours; its manager, if it names one.
    Foreign(Option<&'a str>),
}

/// Tells whose things are.
pub(crate) struct Owners<'a> {
    /// The manager that we are.
    managed_by: &'a str,
    /// Deployed applications that take over what another manager started for them, and which manager that is.
    adopting: BTreeMap<&'a ApplicationName, &'a str>,
}

// ===== impl Running =====

impl<'a> Running<'a> {
    /// Its id.
    pub(crate) fn id(&self) -> &'a str {
        match self.what {
            What::Component(component) => component.id.as_str(),
            What::Provider(provider) => provider.id.as_str(),
        }
    }

    /// What it carries.
    pub(crate) fn annotations(&self) -> &'a Annotations {
        match self.what {
            What::Component(component) => &component.annotations,
            What::Provider(provider) => &provider.annotations,
        }
    }

    /// Whether it is a component or a provider.
    pub(crate) fn kind(&self) -> Kind {
        match self.what {
            What::Component(_) => Kind::Component,
            What::Provider(_) => Kind::Provider,
        }
    }

    /// Whether it is a component of `application`.
    pub(crate) fn component_of(
        &self,
        application: &ApplicationName,
    ) -> Option<&'a ComponentInventory> {
        match self.what {
            What::Component(component) if self.is_of(application) => Some(component),
            _ => None,
        }
    }

    /// Whether it is a provider of `application`.
    pub(crate) fn provider_of(
        &self,
        application: &ApplicationName,
    ) -> Option<&'a ProviderInventory> {
        match self.what {
            What::Provider(provider) if self.is_of(application) => Some(provider),
            _ => None,
        }
    }

    fn is_of(&self, application: &ApplicationName) -> bool {
        matches!(&self.owner, Owner::Application(owner) if owner == application)
    }
}

/// Everything that runs, by id, then by host.
pub(crate) fn index_running<'a>(
    hosts: &BTreeMap<&'a HostId, &'a HostInventory>,
    owners: &Owners<'_>,
) -> BTreeMap<&'a str, Vec<Running<'a>>> {
    let mut running: BTreeMap<&str, Vec<Running<'_>>> = BTreeMap::new();
    for (&host, &inventory) in hosts {
        let components = inventory
            .components
            .iter()
            .filter(|component| component.instances_max > 0)
            .map(What::Component);
        let providers = inventory.providers.iter().map(What::Provider);
        for what in components.chain(providers) {
            let mut one = Running {
                host,
                what,
                owner: Owner::Foreign(None),
            };
            one.owner = owners.owner(one.annotations());
            running.entry(one.id()).or_default().push(one);
        }
    }
    running
}

// ===== impl Owners =====

impl<'a> Owners<'a> {
    /// By what annotations say, and by which deployed applications adopt.
    pub(crate) fn new(
        managed_by: &'a str,
        deployed: impl IntoIterator<Item = &'a Application>,
    ) -> Self {
        let adopting = deployed
            .into_iter()
            .filter_map(|application| Some((&application.name, application.adopts.as_deref()?)));
        Self {
            managed_by,
            adopting: adopting.collect(),
        }
    }

    /// Whose something with these annotations is.
    pub(crate) fn owner<'r>(&self, annotations: &'r Annotations) -> Owner<'r> {
        let manager = annotations.get(annotation::MANAGED_BY).map(String::as_str);
        let application: Option<ApplicationName> = annotations
            .get(annotation::APPLICATION)
            .and_then(|name| name.parse().ok());
        match (manager, application) {
            (Some(manager), Some(application))
                if manager == self.managed_by
                    || self.adopting.get(&application) == Some(&manager) =>
            {
                Owner::Application(application)
            }
            _ => Owner::Foreign(manager),
        }
    }
}
