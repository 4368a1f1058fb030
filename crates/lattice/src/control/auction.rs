//! Asking who would run something.

use std::time::Duration;

use weft_model::id::HostId;
use weft_protocol::control::{ComponentAuction, ComponentBid, ProviderAuction, ProviderBid};
use weft_protocol::json;
use weft_protocol::subject::Operation;

use super::{Client, ControlError};

// ===== impl Client =====

impl Client {
    /// The hosts that would run a component, in the order of their bids within `window`.
    ///
    /// # Errors
    ///
    /// [`ControlError`] when the request cannot be sent. No bids are no error.
    pub async fn auction_component(
        &self,
        auction: &ComponentAuction,
        window: Duration,
    ) -> Result<Vec<HostId>, ControlError> {
        self.component_bids(auction, window, None).await
    }

    /// The first host that bids for a component within `window`; `None` when none does.
    ///
    /// # Errors
    ///
    /// As [`Self::auction_component`].
    pub async fn first_component_bid(
        &self,
        auction: &ComponentAuction,
        window: Duration,
    ) -> Result<Option<HostId>, ControlError> {
        let bids = self.component_bids(auction, window, Some(1)).await?;
        Ok(bids.into_iter().next())
    }

    /// The hosts that would run a provider, in the order of their bids within `window`.
    ///
    /// # Errors
    ///
    /// As [`Self::auction_component`].
    pub async fn auction_provider(
        &self,
        auction: &ProviderAuction,
        window: Duration,
    ) -> Result<Vec<HostId>, ControlError> {
        self.provider_bids(auction, window, None).await
    }

    /// The first host that bids for a provider within `window`; `None` when none does.
    ///
    /// # Errors
    ///
    /// As [`Self::auction_component`].
    pub async fn first_provider_bid(
        &self,
        auction: &ProviderAuction,
        window: Duration,
    ) -> Result<Option<HostId>, ControlError> {
        let bids = self.provider_bids(auction, window, Some(1)).await?;
        Ok(bids.into_iter().next())
    }

    async fn component_bids(
        &self,
        auction: &ComponentAuction,
        window: Duration,
        expected: Option<usize>,
    ) -> Result<Vec<HostId>, ControlError> {
        let body = json::encode(auction).into();
        let bids: Vec<ComponentBid> = self
            .gather(&Operation::ComponentAuction, body, window, expected)
            .await?;
        Ok(bids.iter().filter_map(|bid| bid.host().ok()).collect())
    }

    async fn provider_bids(
        &self,
        auction: &ProviderAuction,
        window: Duration,
        expected: Option<usize>,
    ) -> Result<Vec<HostId>, ControlError> {
        let body = json::encode(auction).into();
        let bids: Vec<ProviderBid> = self
            .gather(&Operation::ProviderAuction, body, window, expected)
            .await?;
        Ok(bids.iter().filter_map(|bid| bid.host().ok()).collect())
    }
}
