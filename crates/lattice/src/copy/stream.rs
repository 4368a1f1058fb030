//! Copying one stream.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::compare::{Comparison, TELL_EVERY, compare, different};
use super::error::{CopyError, Difference};
use super::jetstream::{Jetstream, StreamInfo};
use super::publisher::Publisher;
use super::reader::Reader;
use super::{CopyOptions, CopyPhase, LeftOut, StreamReport, config, consumers};

/// Told what is being done, the number of the message it is done with, and that of the last.
pub(super) type Tell<'a> = dyn FnMut(CopyPhase, u64, u64) + 'a;

/// One stream on its way from one server to the other.
struct Copy<'a> {
    from: &'a Jetstream,
    to: &'a Jetstream,
    source: &'a StreamInfo,
    options: &'a CopyOptions,
    /// The number of the last message that is copied: later ones wait for the next run.
    last: u64,
}

pub(super) async fn copy(
    from: &Jetstream,
    to: &Jetstream,
    source: &StreamInfo,
    options: &CopyOptions,
    tell: &mut Tell<'_>,
) -> Result<StreamReport, CopyError> {
    let mut report = StreamReport {
        name: source.name().to_owned(),
        ..StreamReport::default()
    };
    if config::is_mirror(&source.config) {
        report.left_out = Some(LeftOut::Mirror);
        return Ok(report);
    }
    let copy = Copy {
        from,
        to,
        source,
        options,
        last: source.state.last_sequence,
    };
    copy.run(&mut report, tell).await?;
    Ok(report)
}

// ===== impl Copy =====

impl Copy<'_> {
    async fn run(&self, report: &mut StreamReport, tell: &mut Tell<'_>) -> Result<(), CopyError> {
        let name = self.source.name();
        let present = self.to.stream_info(name).await?;
        report.is_new = present.is_none();
        let have = present.as_ref().map_or(0, |info| info.state.last_sequence);
        let found = self.compare_present(present.as_ref(), have, tell).await?;
        report.kept = found.same;
        report.removed = found.surplus.len() as u64;
        if self.options.is_dry_run {
            report.copied = self.count_missing(have, tell).await?;
            return Ok(());
        }
        let is_complete = have == self.last && found.surplus.is_empty();
        if !(is_complete && present.as_ref().is_some_and(|info| self.is_finished(info))) {
            self.stage(present.as_ref()).await?;
            let next = self.skip_first_gap(have).await?;
            if config::needs_interest(&self.source.config) {
                report.consumers = self.copy_consumers().await?;
            }
            self.remove(present.as_ref(), &found).await?;
            self.append(next, report, tell).await?;
            self.finish().await?;
        }
        if !config::needs_interest(&self.source.config) {
            report.consumers = self.copy_consumers().await?;
        }
        report.verified = self.verify(tell).await?;
        Ok(())
    }

    /// Compares what the target has, and refuses it when it is not an earlier state of the source.
    async fn compare_present(
        &self,
        present: Option<&StreamInfo>,
        have: u64,
        tell: &mut Tell<'_>,
    ) -> Result<Comparison, CopyError> {
        let Some(present) = present else {
            return Ok(Comparison::default());
        };
        let name = self.source.name();
        if !config::is_same_kind(&self.source.config, &present.config) {
            return Err(different(name, Difference::Kind));
        }
        if have > self.last {
            return Err(different(name, Difference::Ahead(have)));
        }
        let found = self.compare_up_to(have, CopyPhase::Compare, tell).await?;
        match found.missing {
            // What consumers are done with is removed on either side at its own time.
            Some(_) if config::is_consumed(&self.source.config) => Ok(found),
            Some(missing) => Err(different(name, Difference::Missing(missing))),
            None => Ok(found),
        }
    }

    async fn compare_up_to(
        &self,
        last: u64,
        phase: CopyPhase,
        tell: &mut Tell<'_>,
    ) -> Result<Comparison, CopyError> {
        let name = self.source.name();
        let mut told = |number| tell(phase, number, self.last);
        compare(
            name,
            Reader::new(self.from, name, 1, last),
            Reader::new(self.to, name, 1, last),
            &mut told,
        )
        .await
    }

    async fn count_missing(&self, have: u64, tell: &mut Tell<'_>) -> Result<u64, CopyError> {
        let mut reader = Reader::new(self.from, self.source.name(), have + 1, self.last);
        let mut count = 0_u64;
        while let Some(record) = reader.next().await? {
            count += 1;
            if count.is_multiple_of(TELL_EVERY) {
                tell(CopyPhase::Compare, record.sequence, self.last);
            }
        }
        Ok(count)
    }

    /// Whether the target was finished by an earlier run, as far as its subjects tell.
    fn is_finished(&self, present: &StreamInfo) -> bool {
        present.config["subjects"] == self.source.config["subjects"]
    }

    /// Gives the target the configuration to be copied into.
    async fn stage(&self, present: Option<&StreamInfo>) -> Result<(), CopyError> {
        let name = self.source.name();
        let extra = self.foreign_subjects().await?;
        let staging = config::staging(
            &self.source.config,
            present.map(|info| &info.config),
            self.options.replicas,
            &extra,
        );
        match present {
            None => self.to.create_stream(name, &staging).await?,
            Some(_) => self.to.update_stream(name, &staging).await?,
        };
        Ok(())
    }

    /// The subjects of messages that the stream did not take from its own subjects. They have to be known, as messages
    /// can only be written to subjects.
    async fn foreign_subjects(&self) -> Result<Vec<String>, CopyError> {
        let source = &self.source.config;
        if !config::has_sources(source) && !source["subject_transform"].is_object() {
            return Ok(Vec::new());
        }
        let own: Vec<&str> = source["subjects"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|subject| subject.as_str())
            .collect();
        let mut foreign = BTreeSet::new();
        let mut reader = Reader::new(
            self.from,
            self.source.name(),
            self.source.state.first_sequence,
            self.last,
        );
        while let Some(record) = reader.next().await? {
            if !own.iter().any(|own| matches_subject(own, &record.subject)) {
                foreign.insert(record.subject);
            }
        }
        Ok(foreign.into_iter().collect())
    }

    /// Removes from the target what the source has no more.
    async fn remove(
        &self,
        present: Option<&StreamInfo>,
        found: &Comparison,
    ) -> Result<(), CopyError> {
        let name = self.source.name();
        if present.is_some_and(|info| config::denies_delete(&info.config)) {
            // Then messages can only be purged: all of a subject up to a number. Nothing that is still wanted is
            // before one that is not, where a limit by subject removed it; the verification would tell.
            let mut lasts: BTreeMap<&str, u64> = BTreeMap::new();
            for (sequence, subject) in &found.surplus {
                lasts.insert(subject, *sequence);
            }
            for (subject, last) in lasts {
                self.to
                    .purge(name, &json!({ "filter": subject, "seq": last + 1 }))
                    .await?;
            }
            return Ok(());
        }
        for (sequence, _) in &found.surplus {
            self.to.delete_message(name, *sequence).await?;
        }
        Ok(())
    }

    /// Copies what has the number `next` and those after it.
    async fn append(
        &self,
        next: u64,
        report: &mut StreamReport,
        tell: &mut Tell<'_>,
    ) -> Result<(), CopyError> {
        let name = self.source.name();
        let mut reader = Reader::new(self.from, name, next, self.last);
        let filler = config::filler_subject(name);
        let mut publisher = Publisher::new(self.to, name, filler, next).await?;
        while let Some(record) = reader.next().await? {
            publisher.fill_up_to(record.sequence).await?;
            publisher.write(&record).await?;
            report.copied += 1;
            report.bytes += record.bytes() as u64;
            if report.copied.is_multiple_of(TELL_EVERY) {
                tell(CopyPhase::Copy, record.sequence, self.last);
            }
        }
        publisher.fill_up_to(self.last + 1).await?;
        publisher.finish().await
    }

    /// Removes what filled gaps, also that of runs which did not come so far, and gives the target its real configuration.
    async fn finish(&self) -> Result<(), CopyError> {
        let name = self.source.name();
        let filler = config::filler_subject(name);
        if config::needs_interest(&self.source.config) {
            // Consumers are there already, and a purge would take from them what they have not got yet.
            let mut sequence = 1;
            while let Some(found) = self.to.message_of(name, &filler, sequence).await? {
                self.to.delete_message(name, found.sequence).await?;
                sequence = found.sequence + 1;
            }
        } else {
            self.to.purge(name, &json!({ "filter": filler })).await?;
        }
        let finished = config::finished(
            self.source,
            self.options.replicas,
            &self.source_positions().await?,
        );
        self.to.update_stream(name, &finished).await?;
        Ok(())
    }

    /// The number that the next message of the target gets. Before the first message of the source there may be many
    /// numbers that need not be filled: an empty stream can be purged up to a number to come.
    async fn skip_first_gap(&self, have: u64) -> Result<u64, CopyError> {
        let name = self.source.name();
        let first = self.source.state.first_sequence.min(self.last + 1);
        if have > 0 || first <= 1 {
            return Ok(have + 1);
        }
        self.to.purge(name, &json!({ "seq": first })).await?;
        let info = self.to.stream_info(name).await?;
        Ok(info.map_or(0, |info| info.state.last_sequence) + 1)
    }

    /// The streams that this one takes messages from, with the numbers of their last messages.
    async fn source_positions(&self) -> Result<Vec<(String, u64)>, CopyError> {
        let mut positions = Vec::new();
        for source in &self.source.sources {
            if let Some(info) = self.from.stream_info(&source.name).await? {
                positions.push((source.name.clone(), info.state.last_sequence));
            }
        }
        Ok(positions)
    }

    async fn copy_consumers(&self) -> Result<u64, CopyError> {
        let is_work_queue = self.source.config["retention"] == "workqueue";
        consumers::copy(
            self.from,
            self.to,
            self.source.name(),
            is_work_queue,
            self.options.replicas,
        )
        .await
    }

    /// Reads both sides again. The source may have removed messages meanwhile, but nothing of it may be missing.
    async fn verify(&self, tell: &mut Tell<'_>) -> Result<u64, CopyError> {
        let found = self
            .compare_up_to(self.last, CopyPhase::Verify, tell)
            .await?;
        match found.missing {
            Some(missing) if !config::is_consumed(&self.source.config) => {
                Err(different(self.source.name(), Difference::Missing(missing)))
            }
            _ => Ok(found.same),
        }
    }
}

/// Whether `subject` is one of those that `pattern` stands for.
fn matches_subject(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for expected in pattern.split('.') {
        match (expected, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (expected, Some(token)) if expected == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}
