//! `wasi:http` between hosts: `wrpc:http/incoming-handler` and `wrpc:http/outgoing-handler`, with bodies and trailers that
//! are streamed (spec §4.9).

mod body;
mod code;
mod serve;
mod shape;
mod target;

use std::sync::{Arc, LazyLock};

use weft_wrpc::{Export, Signature, Type, Typed};

pub use self::body::WireBody;
pub(super) use self::serve::answer;
pub use self::target::{Handler, HttpTarget};

/// By which others hand requests to a component.
const INCOMING: &str = "wrpc:http/incoming-handler@0.1.0";
/// By which a component hands requests to whoever sends them on.
const OUTGOING: &str = "wrpc:http/outgoing-handler@0.1.0";
/// The function of both.
const HANDLE: &str = "handle";

static INCOMING_SIGNATURE: LazyLock<Arc<Signature>> =
    LazyLock::new(|| signature([shape::request_ty()]));
static OUTGOING_SIGNATURE: LazyLock<Arc<Signature>> = LazyLock::new(|| {
    signature([
        shape::request_ty(),
        Type::option(shape::RequestOptions::ty()),
    ])
});

/// What is served for a component that answers HTTP.
pub(super) fn export() -> Export {
    Export {
        instance: INCOMING.to_owned(),
        name: HANDLE.to_owned(),
        signature: Arc::clone(&INCOMING_SIGNATURE),
    }
}

fn signature<const N: usize>(params: [Type; N]) -> Arc<Signature> {
    let answer = Type::result(Some(shape::response_ty()), Some(code::ErrorCode::ty()));
    let signature = Signature::new(params, [answer]);
    Arc::new(signature.expect("the streams of requests and responses have paths"))
}
