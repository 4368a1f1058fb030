//! `weft lattice copy`: from one NATS server to another.

mod error;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::{CopyOptions, CopyPhase, CopyProgress, CopyReport, LeftOut, StreamReport, copy};

use self::error::CopyFailure;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{Table, count, render_bytes, render_elapsed, without_user};
use crate::view::{Block, SchemaVersion, View, millis};

/// How long a request may take unless the arguments say otherwise: purging a large stream takes time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Copy buckets, object stores and streams to another NATS server
///
/// The way from the NATS server that `weft up` brings to a nats-server. Everything that JetStream keeps is copied, with its
/// durable consumers, and read again to be sure. Entries keep their revisions. It may be run again, after an
/// interruption or while the lattice is in use: only what is new is copied. The last run has to be made when nothing
/// writes any more. A stream of the target that holds something else is left as it is.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft lattice copy --to nats://nats.example:4222 --dry-run
                                       See what would be copied
  weft lattice copy --to nats://nats.example:4222 --to-creds admin.creds
                                       Copy everything of the lattice of this machine
  weft lattice copy --from nats://a:4222 --to nats://b:4222 --stream KV_shop --replicas 3
                                       Copy one bucket between two servers")]
pub(crate) struct CopyArgs {
    /// NATS server to copy to
    #[arg(long, env = "WEFT_TO", value_name = "URL", hide_env_values = true)]
    to: String,

    /// NATS server to copy from [default: that of the lattice]
    #[arg(long, env = "WEFT_FROM", value_name = "URL", hide_env_values = true)]
    from: Option<String>,

    /// File with credentials for the server to copy to
    #[arg(
        long,
        env = "WEFT_TO_CREDS",
        value_name = "FILE",
        hide_env_values = true
    )]
    to_creds: Option<PathBuf>,

    /// File with credentials for the server to copy from [default: that of `--creds`]
    #[arg(
        long,
        env = "WEFT_FROM_CREDS",
        value_name = "FILE",
        hide_env_values = true
    )]
    from_creds: Option<PathBuf>,

    /// Copy this stream alone; a bucket is `KV_` and its name. May be repeated
    #[arg(
        long,
        env = "WEFT_STREAM",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    stream: Vec<String>,

    /// On how many servers of the target's cluster the copies are kept [default: as the originals]
    #[arg(
        long, env = "WEFT_REPLICAS", value_name = "COUNT", hide_env_values = true,
        value_parser = clap::value_parser!(u8).range(1..=5)
    )]
    replicas: Option<u8>,

    /// Compare, and tell what would be copied
    #[arg(long, env = "WEFT_DRY_RUN", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    dry_run: bool,
}

/// What was copied.
#[derive(Debug, Serialize)]
struct CopyView {
    schema_version: SchemaVersion,
    /// The server it was copied to.
    to: String,
    /// Whether nothing was done but to compare.
    is_dry_run: bool,
    /// By stream.
    streams: Vec<StreamReport>,
    /// How long it took.
    elapsed_ms: u64,
}

/// Copies.
pub(crate) async fn run(args: &CopyArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(REQUEST_TIMEOUT);
    let from = context
        .connect_to(
            "--from",
            args.from.as_deref(),
            args.from_creds.as_deref(),
            timeout,
        )
        .await?;
    let to = context
        .connect_to("--to", Some(&args.to), args.to_creds.as_deref(), timeout)
        .await?;
    let ids = (
        from.server().await.map_err(CopyFailure::Server)?.id,
        to.server().await.map_err(CopyFailure::Server)?.id,
    );
    if ids.0 == ids.1 {
        return Err(CopyFailure::Same {
            url: without_user(&args.to),
        }
        .into());
    }
    let mut options = CopyOptions::default();
    options.streams.clone_from(&args.stream);
    options.replicas = args.replicas;
    options.is_dry_run = args.dry_run;
    let console = &mut context.console;
    let copied = copy(&from, &to, &options, |progress| {
        console.progress(&render_progress(&progress));
    });
    let report = tokio::select! {
        report = copied => report.map_err(CopyFailure::Copy)?,
        _ = tokio::signal::ctrl_c() => return Err(CopyFailure::Interrupted.into()),
    };
    let CopyReport { streams, .. } = report;
    context.show(&CopyView {
        schema_version: SchemaVersion,
        to: without_user(&args.to),
        is_dry_run: args.dry_run,
        streams,
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

fn render_progress(progress: &CopyProgress) -> String {
    let phase = match progress.phase {
        CopyPhase::Compare => "comparing",
        CopyPhase::Verify => "verifying",
        _ => "copying",
    };
    format!(
        "{phase} `{}` ({} of {}): {} of {}",
        progress.stream,
        progress.stream_number,
        progress.streams,
        progress.sequence,
        progress.sequence_last
    )
}

// ===== impl CopyView =====

impl CopyView {
    fn summary(&self) -> String {
        let copied: u64 = self.streams.iter().map(|stream| stream.copied).sum();
        let bytes: u64 = self.streams.iter().map(|stream| stream.bytes).sum();
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let streams = count(self.streams.len(), "stream");
        let messages = count(usize::try_from(copied).unwrap_or(usize::MAX), "message");
        if self.is_dry_run {
            return format!("would copy {messages} of {streams} to {}", self.to);
        }
        format!(
            "{streams} verified at {}: {messages} copied ({}), in {elapsed}",
            self.to,
            render_bytes(bytes)
        )
    }
}

impl View for CopyView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        if self.streams.is_empty() {
            return vec![Block::Nothing("there is nothing to copy".to_owned())];
        }
        let mut table = Table::new(["STREAM", "COPIED", "KEPT", "REMOVED", "VERIFIED", "NOTE"]);
        for stream in &self.streams {
            let note = match (stream.left_out, stream.is_new) {
                (Some(LeftOut::Mirror), _) => "left out: it mirrors another stream",
                (Some(_), _) => "left out",
                (None, true) => "new",
                (None, false) => "",
            };
            let verified = if self.is_dry_run {
                "-".to_owned()
            } else {
                stream.verified.to_string()
            };
            table.push([
                stream.name.clone(),
                stream.copied.to_string(),
                stream.kept.to_string(),
                stream.removed.to_string(),
                verified,
                note.to_owned(),
            ]);
        }
        vec![Block::Table(table), Block::Done(self.summary())]
    }

    fn names(&self) -> Vec<String> {
        self.streams
            .iter()
            .map(|stream| stream.name.clone())
            .collect()
    }
}
