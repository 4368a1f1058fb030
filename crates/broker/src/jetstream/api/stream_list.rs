//! `STREAM.NAMES` and `STREAM.LIST`.

use serde_json::{Map, Value};

use super::{Answer, Json, Page, Request, join, to_json, views};
use crate::jetstream::Engine;
use crate::jetstream::clock::Now;
use crate::jetstream::names::{LIST_PAGE, NAMES_PAGE};
use crate::storage::StreamId;
use crate::subject;

pub(super) fn names(engine: &Engine, request: &Request<'_>) -> Answer {
    let result = request.object().and_then(|object| {
        let found = found(engine, &object);
        let page = Page::at(&object, found.len(), NAMES_PAGE)?;
        let names: Vec<&str> = page.of(found.iter()).map(|(name, _)| *name).collect();
        // As the reference server does: no list at all where nothing was found.
        let names = Some(names).filter(|names| !names.is_empty());
        Ok(with_page(page, "streams", &to_json(&names)))
    });
    Answer::new("stream_names_response", result)
}

pub(super) fn list(engine: &Engine, now: Now, request: &Request<'_>) -> Answer {
    let result = request.object().and_then(|object| {
        let found = found(engine, &object);
        let page = Page::at(&object, found.len(), LIST_PAGE)?;
        let views: Vec<Json> = page
            .of(found.iter())
            .filter_map(|(_, id)| views::stream(engine, now, *id, views::Details::default()))
            .collect();
        let views = format!("[{}]", views.join(","));
        Ok(with_page(page, "streams", &views))
    });
    Answer::new("stream_list_response", result)
}

/// The streams that have something to do with the subject of the request, by name.
fn found<'a>(engine: &'a Engine, object: &Map<String, Value>) -> Vec<(&'a str, StreamId)> {
    let wanted = object
        .get("subject")
        .and_then(Value::as_str)
        .filter(|wanted| !wanted.is_empty());
    let is_wanted = |id: &StreamId| {
        let subjects = engine
            .streams
            .get(id)
            .map(|slot| &slot.core.config().subjects);
        wanted.is_none_or(|wanted| {
            subjects
                .into_iter()
                .flatten()
                .any(|held| subject::collide(held.as_bytes(), wanted.as_bytes()))
        })
    };
    engine
        .stream_names
        .iter()
        .filter(|(_, id)| is_wanted(id))
        .map(|(name, id)| (&**name, *id))
        .collect()
}

/// A page and the list of what is on it.
pub(super) fn with_page(page: Page, name: &str, things: &str) -> Json {
    join(&to_json(&page), &format!(r#"{{"{name}":{things}}}"#))
}
