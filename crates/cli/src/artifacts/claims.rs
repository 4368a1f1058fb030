//! Claims as commands show them.

use std::time::SystemTime;

use serde::Serialize;
use weft_artifact::claims::{self, About, Claims, ClaimsError};
use weft_model::problem::{Coded, Problem};

use crate::ui::render_time;
use crate::view::ProblemView;

/// What the signer of a component or provider says of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClaimsView {
    /// The public key that the claims are about.
    pub(crate) subject: String,
    /// The public key that signed.
    pub(crate) issuer: String,
    /// A name for people.
    name: Option<String>,
    /// A version for people.
    version: Option<String>,
    /// A number that grows.
    revision: Option<i32>,
    /// Words about a component.
    tags: Vec<String>,
    /// Another name by which a component may be called.
    call_alias: Option<String>,
    /// Who makes a provider.
    vendor: Option<String>,
    /// When it was signed.
    issued_at: Option<String>,
    /// Until when the claims are valid; `null` for ever.
    expires_at: Option<String>,
    /// From when on the claims are valid; `null` from the beginning.
    not_before: Option<String>,
    /// Whether the signature, the keys, the time and the hash of the content are right.
    pub(crate) is_valid: bool,
    /// What is wrong with them.
    problem: Option<ProblemView>,
}

// ===== impl ClaimsView =====

impl ClaimsView {
    /// The claims in a component, verified at `now`; `None` when it is not signed.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`] when there are claims that cannot be read.
    pub(crate) fn of_component(wasm: &[u8], now: SystemTime) -> Result<Option<Self>, ClaimsError> {
        let Some(token) = claims::read(wasm)? else {
            return Ok(None);
        };
        let problem = claims::verify(wasm, now).err();
        Ok(Some(Self::new(token.claims(), problem.as_ref())))
    }

    /// Claims that were verified, or have a problem.
    pub(crate) fn new(claims: &Claims, problem: Option<&ClaimsError>) -> Self {
        let component = claims.component();
        let vendor = match &claims.about {
            About::Provider(provider) => Some(provider.vendor.clone()),
            _ => None,
        };
        let problem = problem.map(|error| Problem::new(error as &dyn Coded));
        Self {
            subject: claims.subject.clone(),
            issuer: claims.issuer.clone(),
            name: claims.name().map(str::to_owned),
            version: claims.version().map(str::to_owned),
            revision: claims.revision(),
            tags: component
                .and_then(|component| component.tags.clone())
                .unwrap_or_default(),
            call_alias: component.and_then(|component| component.call_alias.clone()),
            vendor: vendor.filter(|vendor| !vendor.is_empty()),
            issued_at: Some(render_time(claims.issued_at)),
            expires_at: claims.expires_at.map(render_time),
            not_before: claims.not_before.map(render_time),
            is_valid: problem.is_none(),
            problem: problem.as_ref().map(ProblemView::from),
        }
    }

    /// What people read, as names and values.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let state = match &self.problem {
            None => "yes".to_owned(),
            Some(problem) => format!("no: {} [{}]", problem.message, problem.code),
        };
        let revision = self.revision.map(|revision| revision.to_string());
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(", "));
        let optional = [
            ("name", self.name.clone()),
            ("version", self.version.clone()),
            ("revision", revision),
            ("vendor", self.vendor.clone()),
            ("tags", tags),
            ("call alias", self.call_alias.clone()),
            ("valid from", self.not_before.clone()),
            ("valid until", self.expires_at.clone()),
        ];
        let mut rows = vec![
            ("claims hold", state),
            ("subject", self.subject.clone()),
            ("signed by", self.issuer.clone()),
        ];
        rows.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        rows
    }
}
