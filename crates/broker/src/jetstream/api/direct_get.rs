//! `DIRECT.GET.{stream}` and `DIRECT.GET.{stream}.{subject}`: a message as it is, without JSON around it.

use bytes::{BufMut, Bytes, BytesMut};

use super::Request;
use super::message_get::Wanted;
use crate::jetstream::names::{SEQUENCE, STREAM, SUBJECT, TIME_STAMP};
use crate::jetstream::{Engine, Outgoing};
use crate::storage::StreamId;
use crate::wire::headers;

pub(super) fn serve(engine: &mut Engine, request: &Request<'_>) {
    let Some(reply) = request.reply.clone() else {
        return;
    };
    let path = request.path.strip_prefix("DIRECT.GET.").unwrap_or_default();
    let (name, subject) = match path.split_once('.') {
        Some((name, subject)) => (name, Some(subject)),
        None => (path, None),
    };
    let id = engine.stream_id(name).ok().filter(|id| {
        let slot = engine.streams.get(id);
        slot.is_some_and(|slot| slot.core.config().allow_direct)
    });
    let Some(id) = id else {
        // The reference server listens only for streams that allow this, so nobody answers.
        engine.send_at_once(Outgoing::no_responders(reply));
        return;
    };
    let wanted = match subject {
        Some(subject) => by_subject(subject, request),
        None => by_body(request),
    };
    let found =
        wanted.and_then(|wanted| find(engine, id, name, &wanted).ok_or((404, "Message Not Found")));
    let outgoing = match found {
        Ok((header_len, payload)) => Outgoing::with_headers(reply, header_len, payload),
        Err((code, text)) => Outgoing::status(reply, None, headers::status(code, text)),
    };
    engine.send_about(id, outgoing);
}

fn by_subject(subject: &str, request: &Request<'_>) -> Result<Wanted, (u16, &'static str)> {
    if subject.is_empty() || !request.body.is_empty() {
        return Err((408, "Bad Request"));
    }
    Ok(Wanted {
        last_by_subj: subject.to_owned(),
        ..Wanted::default()
    })
}

fn by_body(request: &Request<'_>) -> Result<Wanted, (u16, &'static str)> {
    if request.body.is_empty() {
        return Err((408, "Empty Request"));
    }
    let wanted = Wanted::parse(request).map_err(|_| (408, "Malformed Request"))?;
    if wanted.is_empty() {
        return Err((408, "Empty Request"));
    }
    if wanted.is_contradictory() {
        return Err((408, "Bad Request"));
    }
    Ok(wanted)
}

/// The message with headers that say what it is.
fn find(engine: &Engine, id: StreamId, name: &str, wanted: &Wanted) -> Option<(usize, Bytes)> {
    let index = engine.streams.get(&id)?.core.index();
    let entry = index.get(wanted.find(index)?)?;
    let payload = engine.body(id, &entry)?;
    let (header, body) = payload.split_at(entry.header_len as usize);
    let block = headers::Builder::from_block(header)
        .line(STREAM, name)
        .line(SUBJECT, entry.subject)
        .line(SEQUENCE, entry.seq.to_string())
        .line(TIME_STAMP, entry.time.render())
        .finish();
    let mut whole = BytesMut::with_capacity(block.len() + body.len());
    whole.put_slice(&block);
    whole.put_slice(body);
    Some((block.len(), whole.freeze()))
}
