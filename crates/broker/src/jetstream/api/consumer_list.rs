//! `CONSUMER.NAMES.{stream}` and `CONSUMER.LIST.{stream}`.

use super::stream_list::with_page;
use super::{Answer, Json, Page, Request, to_json, views};
use crate::jetstream::clock::Now;
use crate::jetstream::names::{LIST_PAGE, NAMES_PAGE};
use crate::jetstream::{ApiError, Engine};

/// The page of an answer that is an error.
const NO_CONSUMERS: &str = r#"{"total":0,"offset":0,"limit":0,"consumers":[]}"#;

pub(super) fn names(engine: &Engine, stream: &str, request: &Request<'_>) -> Answer {
    let result = engine.stream_id(stream).and_then(|id| {
        let slot = engine.streams.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let page = Page::at(&request.object()?, slot.consumers.len(), NAMES_PAGE)?;
        let names: Vec<&str> = page
            .of(slot.consumer_names.keys())
            .map(|name| &**name)
            .collect();
        Ok(with_page(page, "consumers", &to_json(&names)))
    });
    Answer::new("consumer_names_response", result).with_fixed(NO_CONSUMERS)
}

pub(super) fn list(engine: &Engine, now: Now, stream: &str, request: &Request<'_>) -> Answer {
    let result = engine.stream_id(stream).and_then(|id| {
        let slot = engine.streams.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
        let page = Page::at(&request.object()?, slot.consumers.len(), LIST_PAGE)?;
        let views: Vec<Json> = page
            .of(slot.consumer_names.values())
            .filter_map(|consumer| views::consumer(engine, now, (id, *consumer)))
            .collect();
        Ok(with_page(
            page,
            "consumers",
            &format!("[{}]", views.join(",")),
        ))
    });
    Answer::new("consumer_list_response", result).with_fixed(NO_CONSUMERS)
}
