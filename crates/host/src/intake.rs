//! The intake: one order for everything that this host is asked (architecture D13).

use std::sync::Arc;

use futures::FutureExt;
use weft_lattice::intake::{Request, Requests};
use weft_model::problem::{Coded, Problem};
use weft_protocol::control::Ack;
use weft_protocol::json;
use weft_protocol::subject::Operation;
use weft_runtime::{Shutdown, field};

use crate::command;
use crate::core::Core;
use crate::error::Refusal;
use crate::mailbox::{self, Address, Job, Mailboxes};

/// A request to this host.
pub(crate) type ControlRequest = Request<Operation>;

/// Takes requests in, one after the other.
pub(crate) struct Intake {
    pub(crate) core: Arc<Core>,
    mailboxes: Mailboxes,
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
        if let Err(refusal) = self.check_lease(&request).await {
            refuse(&request, &refusal).await;
            return;
        }
        match request.operation.clone() {
            Operation::HostPing => command::ping::answer(self, &request).await,
            Operation::HostGet(_) => command::inventory::answer(self, &request).await,
            Operation::HostStop(_) => command::stop::accept(self, &request).await,
            Operation::ComponentAuction => {
                command::auction::bid_for_component(self, &request).await
            }
            Operation::ProviderAuction => command::auction::bid_for_provider(self, &request).await,
            Operation::LabelPut(_) => command::label::put(self, &request).await,
            Operation::LabelDelete(_) => command::label::delete(self, &request).await,
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
            Operation::ClaimsGet => command::claims::answer(&request).await,
            Operation::RegistryPut => {
                let refusal = Refusal::Unsupported {
                    operation: "registry.put",
                };
                refuse(&request, &refusal).await;
            }
        }
    }

    async fn check_lease(&self, request: &ControlRequest) -> Result<(), Refusal> {
        if !request.operation.kind().is_mutation() {
            return Ok(());
        }
        let lease = request.lease().map_err(|error| Refusal::Malformed {
            what: "lease",
            reason: error.to_string(),
        })?;
        self.core.leases.check(lease.as_ref()).await
    }

    /// Puts a job into the mailbox of `address`. Where it is full, or the job panics, `request` is refused instead.
    pub(crate) async fn push(
        &self,
        address: Address,
        request: &Arc<ControlRequest>,
        job: Job,
    ) -> bool {
        let subject = address.to_string();
        let job = {
            let request = Arc::clone(request);
            async move {
                if let Err(refusal) = mailbox::catch(job).await {
                    refuse(&request, &refusal).await;
                }
            }
        };
        let is_accepted = self.mailboxes.push(address, job.boxed()).is_ok();
        if !is_accepted {
            refuse(request, &Refusal::Busy { subject }).await;
        }
        is_accepted
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
