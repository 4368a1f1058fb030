//! A call that was seen, as it is shown.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;
use weft_wrpc::codec::Input;
use weft_wrpc::observe::{Captured, ObservedCall, Outcome};
use weft_wrpc::{Type, Value};

use crate::ui::shorten;
use crate::view::{Block, SchemaVersion, View};
use crate::wit::{Text, Wit};

/// Characters of arguments and results that are shown in a line.
const LINE_CHARACTERS: usize = 200;

/// Which way a call goes, seen from the component that is spied on.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    /// The component is called.
    To,
    /// The component calls.
    From,
}

/// A call.
#[derive(Debug, Serialize)]
pub(super) struct CallView {
    schema_version: SchemaVersion,
    direction: Direction,
    /// Who calls, as the caller says; `null` when it does not.
    caller: Option<String>,
    /// Who is called.
    callee: String,
    /// The function, with interface and version.
    function: String,
    /// The name of the link that the caller used.
    link_name: Option<String>,
    /// `weft` or `1.9`: how the call was made and answered.
    form: &'static str,
    params: TupleView,
    results: TupleView,
    /// Bytes of streams seen until the results were there.
    stream_bytes: u64,
    /// `answered`, `no_results`, `cancelled`, `unanswered`, `displaced`, or the code of the failure.
    outcome: String,
    /// What the callee says of its failure.
    failure: Option<String>,
    /// From the request to the end of the results, in microseconds.
    elapsed_us: u64,
}

/// Parameters or results.
#[derive(Debug, Serialize)]
struct TupleView {
    /// How many bytes they have, streams left out.
    bytes: u64,
    /// In WAVE; `null` where they cannot be decoded: no WIT is known, or not all of them was kept.
    wave: Option<Vec<String>>,
    /// As JSON.
    values: Option<Vec<Json>>,
}

// ===== impl CallView =====

impl CallView {
    pub(super) fn new(call: &ObservedCall, direction: Direction, wit: Option<&Wit>) -> Self {
        let called = wit.and_then(|wit| wit.by_wire_name(&call.function));
        let signature = called.map(|called| called.signature);
        let (params, results) = match &signature {
            Some(signature) => (
                Some(signature.params().ty()),
                Some(signature.results().ty()),
            ),
            None => (None, None),
        };
        let has_no_results =
            results.is_some_and(|ty| matches!(ty, Type::Tuple(members) if members.is_empty()));
        let (outcome, failure) = match &call.outcome {
            Outcome::Answered => ("answered".to_owned(), None),
            // The end of a function without results is all there is.
            Outcome::NoResults if has_no_results => ("answered".to_owned(), None),
            Outcome::NoResults => ("no_results".to_owned(), None),
            Outcome::Cancelled => ("cancelled".to_owned(), None),
            Outcome::Unanswered => ("unanswered".to_owned(), None),
            Outcome::Displaced => ("displaced".to_owned(), None),
            Outcome::Failed(failure) => (
                failure.code.as_str().to_owned(),
                Some(failure.message.clone()),
            ),
            _ => ("unknown".to_owned(), None),
        };
        let results = results.filter(|_| outcome == "answered");
        Self {
            schema_version: SchemaVersion,
            direction,
            caller: call.context.source_id.clone(),
            callee: call.callee.id().to_owned(),
            function: call.function.clone(),
            link_name: call.context.link_name.clone(),
            form: if call.is_weft { "weft" } else { "1.9" },
            params: TupleView::new(&call.params, params),
            results: TupleView::new(&call.results, results),
            stream_bytes: call.stream_bytes,
            outcome,
            failure,
            elapsed_us: u64::try_from(call.elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The results, or what became of the call.
    fn end(&self) -> String {
        if self.outcome == "answered" {
            return match self.results.text() {
                text if text.is_empty() => "ok".to_owned(),
                text => text,
            };
        }
        match &self.failure {
            Some(message) => format!("failed ({}): {message}", self.outcome),
            None => self.outcome.replace('_', " "),
        }
    }
}

// ===== impl TupleView =====

impl TupleView {
    fn new(captured: &Captured, ty: Option<&Type>) -> Self {
        let texts = ty
            .filter(|_| captured.is_complete())
            .and_then(|ty| decode(captured, ty));
        let (wave, values) = match texts {
            Some(texts) => {
                let wave = texts.iter().map(|text| text.wave.clone()).collect();
                let values = texts.into_iter().map(|text| text.json).collect();
                (Some(wave), Some(values))
            }
            None => (None, None),
        };
        Self {
            bytes: captured.total,
            wave,
            values,
        }
    }

    fn text(&self) -> String {
        match &self.wave {
            Some(wave) => shorten(&wave.join(", "), LINE_CHARACTERS),
            None if self.bytes == 0 => String::new(),
            None => format!("{} bytes", self.bytes),
        }
    }
}

fn decode(captured: &Captured, ty: &Type) -> Option<Vec<Text>> {
    let input = Input::from(captured.bytes.clone());
    let mut reader = input.reader().without_streams();
    let value = Value::decode(ty, &mut reader).ok()?;
    reader.finish().ok()?;
    Text::seen(&value, ty).ok()
}

impl View for CallView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let caller = self.caller.as_deref().unwrap_or("?");
        let mut line = format!(
            "{caller} -> {} {}({}) -> {} in {} us",
            self.callee,
            self.function,
            self.params.text(),
            self.end(),
            self.elapsed_us,
        );
        if self.stream_bytes > 0 {
            let _ = write!(line, ", {} bytes of streams", self.stream_bytes);
        }
        if is_wide {
            let link = self.link_name.as_deref().unwrap_or("?");
            let _ = write!(line, " ({}, link {link})", self.form);
        }
        vec![Block::Line(line)]
    }

    fn names(&self) -> Vec<String> {
        vec![self.function.clone()]
    }
}
