//! The intake: one order for everything that this host is asked (architecture D13).

use std::sync::Arc;

use futures::FutureExt;
use weft_lattice::intake::{Request, Requests};
use weft_model::id::{ComponentId, ProviderId};
use weft_model::problem::{Coded, Problem};
use weft_protocol::control::{Ack, Lease};
use weft_protocol::json;
use weft_protocol::subject::Operation;
use weft_runtime::{Shutdown, field};

use crate::command;
use crate::core::Core;
use crate::error::Refusal;
use crate::lease::{self, Standing};
use crate::mailbox::{self, Address, Full, Job, Mailboxes};
use crate::outlook::Outlook;

/// A request to this host.
pub(crate) type ControlRequest = Request<Operation>;

/// Takes requests in, one after the other.
pub(crate) struct Intake {
    pub(crate) core: Arc<Core>,
    mailboxes: Mailboxes,
}

/// What a request leads to.
pub(crate) struct Work {
    address: Address,
    /// The answer, where it does not tell the outcome: given once the request is known to count.
    ack: Option<Ack>,
    /// What the job makes of the id.
    outlook: Outlook,
    job: Job,
}

// ===== impl Intake =====

impl Intake {
    pub(crate) fn new(core: Arc<Core>, mailboxes: Mailboxes) -> Self {
        Self { core, mailboxes }
    }

    pub(crate) async fn run(self, mut requests: Requests<Operation>, shutdown: Shutdown) {
        while let Some(Some(request)) = shutdown.or(requests.next()).await {
            tracing::trace!(sequence = request.sequence, operation = ?request.operation, "Request");
            self.take_in(Arc::new(request)).await;
        }
    }

    /// Answers what can be answered at once, and puts the rest into mailboxes.
    async fn take_in(&self, request: Arc<ControlRequest>) {
        if let Err(refusal) = self.check_lease(&request) {
            refuse(&request, &refusal).await;
            return;
        }
        match request.operation.clone() {
            Operation::HostPing => command::ping::answer(self, &request).await,
            Operation::HostGet(_) => command::inventory::answer(self, &request).await,
            Operation::HostStop(_) => command::stop::accept(self, request).await,
            Operation::ComponentAuction => {
                command::auction::bid_for_component(self, &request).await
            }
            Operation::ProviderAuction => command::auction::bid_for_provider(self, &request).await,
            Operation::LabelPut(_) => command::label::accept_put(self, request).await,
            Operation::LabelDelete(_) => command::label::accept_delete(self, request).await,
            Operation::ComponentScale(_) => command::scale::accept(self, request).await,
            Operation::ComponentUpdate(_) => command::update::accept(self, request).await,
            Operation::ProviderStart(_) => command::provider_start::accept(self, request).await,
            Operation::ProviderStop(_) => command::provider_stop::accept(self, request).await,
            Operation::LinkGet => command::link_get::accept(self, request).await,
            Operation::LinkPut => command::link_put::accept(self, request).await,
            Operation::LinkDelete => command::link_delete::accept(self, request).await,
            Operation::ConfigGet(name) => command::config::accept_get(self, name, request).await,
            Operation::ConfigPut(name) => command::config::accept_put(self, name, request).await,
            Operation::ConfigDelete(name) => {
                command::config::accept_delete(self, name, request).await
            }
            Operation::ClaimsGet => command::claims::accept(self, request).await,
            Operation::RegistryPut => command::registry_put::accept(self, &request).await,
        }
    }

    /// Refuses what is known to come from a manager that was replaced. An epoch that is not known is looked up later, by
    /// the mailbox: nothing else waits for it.
    fn check_lease(&self, request: &ControlRequest) -> Result<(), Refusal> {
        if !request.operation.kind().is_mutation() {
            return Ok(());
        }
        let lease = request.lease().map_err(|error| Refusal::Unreadable {
            what: "lease",
            reason: error.to_string(),
        })?;
        match lease {
            Some(lease) if self.core.leases.standing(&lease) == Standing::Superseded => {
                Err(lease::superseded(&lease))
            }
            _ => Ok(()),
        }
    }

    /// The lease of `request` where it has not been found to count.
    fn unchecked_lease(&self, request: &ControlRequest) -> Option<Lease> {
        if !request.operation.kind().is_mutation() {
            return None;
        }
        let lease = request.lease().ok().flatten()?;
        (self.core.leases.standing(&lease) != Standing::Current).then_some(lease)
    }

    /// The image that the component `id` will run from once all requests for it are done; `None` where it will not run.
    pub(crate) fn expected_image(&self, id: &ComponentId) -> Option<Arc<str>> {
        // Before what runs: a job that ends in between has changed that.
        let outlook = self.mailboxes.outlook(&Address::Entity(id.to_string()));
        match outlook.component {
            Some(presence) => presence.image().cloned(),
            None => Some(self.core.registry.component(id)?.image),
        }
    }

    /// Whether the provider `id` will run once all requests for it are done.
    pub(crate) fn expects_provider(&self, id: &ProviderId) -> bool {
        let outlook = self.mailboxes.outlook(&Address::Entity(id.to_string()));
        outlook
            .provider
            .unwrap_or_else(|| self.core.registry.provider(id).is_some())
    }

    /// Puts `work` into its mailbox. Where that is full, or the job panics, `request` is refused instead.
    pub(crate) async fn push(&self, request: &Arc<ControlRequest>, work: Work) {
        let Work {
            address,
            ack,
            outlook,
            job,
        } = work;
        let subject = address.to_string();
        let unchecked = self.unchecked_lease(request);
        // To acknowledge a request is to say that it counts, which is not known yet.
        let (ack, later_ack) = match unchecked {
            None => (ack, None),
            Some(_) => (None, ack),
        };
        let (core, asked) = (Arc::clone(&self.core), Arc::clone(request));
        let job = perform(core, asked, unchecked, later_ack, job).boxed();
        match (self.mailboxes.push(address, outlook, job), ack) {
            (Err(Full), _) => refuse(request, &Refusal::Busy { subject }).await,
            (Ok(()), Some(ack)) => reply(request, &ack).await,
            (Ok(()), None) => {}
        }
    }
}

/// Does `job` once the request is known to count.
async fn perform(
    core: Arc<Core>,
    request: Arc<ControlRequest>,
    unchecked: Option<Lease>,
    ack: Option<Ack>,
    job: Job,
) {
    let done = async {
        if let Some(lease) = &unchecked {
            core.leases.check(lease).await?;
        }
        if let Some(ack) = &ack {
            reply(&request, ack).await;
        }
        job.await;
        Ok(())
    };
    let outcome = mailbox::catch(done).await.and_then(|outcome| outcome);
    if let Err(refusal) = outcome {
        refuse(&request, &refusal).await;
    }
}

// ===== impl Work =====

impl Work {
    /// A job that answers the request itself.
    pub(crate) fn new(address: Address, job: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            address,
            ack: None,
            outlook: Outlook::default(),
            job: job.boxed(),
        }
    }

    /// A job whose outcome is an event; `ack` is the answer.
    pub(crate) fn acknowledged(
        address: Address,
        ack: Ack,
        job: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            ack: Some(ack),
            ..Self::new(address, job)
        }
    }

    /// Says what the job makes of the id.
    pub(crate) fn leading_to(self, outlook: Outlook) -> Self {
        Self { outlook, ..self }
    }
}

/// Sends a reply. A failure is logged: whoever asked finds out by time.
pub(crate) async fn reply<T: serde::Serialize>(request: &ControlRequest, body: &T) {
    if let Err(error) = request.reply(json::encode(body)).await {
        tracing::warn!(operation = ?request.operation, { field::ERROR } = weft_model::problem::render_chain(&error), "Cannot reply");
    }
}

/// Refuses a request.
pub(crate) async fn refuse(request: &ControlRequest, refusal: &Refusal) {
    let problem = Problem::new(refusal as &dyn Coded);
    tracing::debug!(operation = ?request.operation, { field::ERROR } = %problem, { field::ERROR_CODE } = %problem.code, "Request refused");
    reply(request, &Ack::refused(&problem)).await;
}
