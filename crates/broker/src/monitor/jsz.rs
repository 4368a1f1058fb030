//! `/jsz`: the streams.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::query::Query;
use super::varz::JetstreamConfig;
use super::{REPORT_TIMEOUT, Refusal, Watched, render_time};
use crate::jetstream::{Report, ReportRequest};

/// All streams together, and each where that was asked for.
#[derive(Serialize)]
pub(super) struct Jsz<'a> {
    server_id: &'a str,
    now: String,
    /// There is no JetStream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<JetstreamConfig<'a>>,
    #[serde(flatten)]
    totals: Totals,
    streams: usize,
    consumers: usize,
    messages: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account_details: Vec<Account>,
}

/// What an account holds; here there is one.
#[derive(Clone, Copy, Default, Serialize)]
struct Totals {
    memory: u64,
    storage: u64,
    reserved_memory: u64,
    reserved_storage: u64,
    accounts: u8,
    ha_assets: u8,
    api: Api,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Api {
    total: u64,
    errors: u64,
}

#[derive(Serialize)]
struct Account {
    name: &'static str,
    id: &'static str,
    #[serde(flatten)]
    totals: Totals,
    stream_detail: Vec<Value>,
}

// ===== impl Watched =====

impl Watched {
    /// What the thread of the streams says; `None` without JetStream.
    pub(super) async fn report(&self, query: &Query<'_>) -> Result<Option<Report>, Refusal> {
        let request = ReportRequest {
            streams: query.flag("streams")? || query.flag("consumers")? || query.flag("config")?,
            consumers: query.flag("consumers")?,
            configs: query.flag("config")?,
        };
        let Some(streams) = &self.shared.streams else {
            return Ok(None);
        };
        let (sender, receiver) = oneshot::channel();
        streams.mailbox().ask_report(request, sender);
        match timeout(REPORT_TIMEOUT, receiver).await {
            Ok(Ok(report)) => Ok(Some(report)),
            Ok(Err(_)) | Err(_) => Err(Refusal::Stuck),
        }
    }

    pub(super) fn jsz(&self, report: Option<Report>, query: &Query<'_>) -> Jsz<'_> {
        let disabled = report.is_none();
        let report = report.unwrap_or_default();
        let totals = Totals {
            memory: report.memory_bytes,
            storage: report.file_bytes,
            reserved_memory: report.memory_bytes_reserved,
            reserved_storage: report.file_bytes_reserved,
            accounts: u8::from(!disabled),
            ha_assets: 0,
            api: Api {
                total: report.api_total,
                errors: report.api_errors,
            },
        };
        // nats-server tells of accounts also when they alone were asked for.
        let shows_accounts =
            !report.streams_detail.is_empty() || query.flag("accounts").unwrap_or_default();
        let accounts = (shows_accounts && !disabled).then_some(Account {
            name: "$G",
            id: "$G",
            totals: Totals {
                accounts: 0,
                ..totals
            },
            stream_detail: report.streams_detail,
        });
        Jsz {
            server_id: &self.shared.info.server_id,
            now: render_time(SystemTime::now()),
            disabled,
            config: self.jetstream_config(),
            totals,
            streams: report.streams,
            consumers: report.consumers,
            messages: report.messages,
            bytes: report.memory_bytes + report.file_bytes,
            account_details: accounts.into_iter().collect(),
        }
    }
}
