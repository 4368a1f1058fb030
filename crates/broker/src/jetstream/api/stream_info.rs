//! `STREAM.INFO.{stream}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Answer, Json, NO_PAGE, Page, Request, join, to_json, views};
use crate::jetstream::clock::Now;
use crate::jetstream::names::SUBJECTS_PAGE;
use crate::jetstream::{ApiError, Engine};
use crate::storage::StreamId;

pub(super) fn serve(engine: &mut Engine, now: Now, name: &str, request: &Request<'_>) -> Answer {
    let id = engine.stream_id(name);
    let view = id.clone().and_then(|id| view(engine, now, id, request));
    Answer::new("stream_info_response", view)
        .with_fixed(NO_PAGE)
        .about(id.ok())
}

fn view(engine: &Engine, now: Now, id: StreamId, request: &Request<'_>) -> Result<Json, ApiError> {
    let object = request.object()?;
    let mut details = views::Details {
        deleted: object.get("deleted_details") == Some(&Value::Bool(true)),
        subjects: None,
    };
    let slot = engine.streams.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
    let mut page = Page {
        total: 0,
        offset: 0,
        limit: 0,
    };
    if let Some(filter) = object.get("subjects_filter").and_then(Value::as_str)
        && !filter.is_empty()
    {
        let counts = || slot.core.index().subject_counts(filter.as_bytes());
        let total = counts().count();
        if total > 0 {
            page = Page::at(&object, total, SUBJECTS_PAGE)?;
            let subjects: BTreeMap<String, u64> = page
                .of(counts())
                .map(|(subject, count)| (String::from_utf8_lossy(subject).into_owned(), count))
                .collect();
            details.subjects = Some(subjects);
        }
    }
    let stream = views::stream(engine, now, id, details).unwrap_or_default();
    Ok(join(&to_json(&page), &stream))
}
