//! Requests that others hand to components of this host.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use weft_engine::{CallError, Failed, Program};
use weft_model::problem::render_chain;
use weft_wrpc::codec::Writer;
use weft_wrpc::{Failure, FailureCode, Incoming, stream};

use super::body::{WireBody, pump};
use super::code::ErrorCode;
use super::shape;
use crate::remote::failure;
use crate::remote::serve::call_context;

/// Lets `program` answer a request, and sends its answer to the end.
pub(in crate::remote) async fn answer(
    program: &Arc<Program>,
    incoming: &mut Incoming,
) -> Result<(), Failure> {
    let context = call_context(incoming);
    let (head, data, trailers) = {
        let codec = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(FailureCode::Codec, render_chain(error))
        };
        let mut reader = incoming.params().await.map_err(|error| codec(&error))?;
        reader
            .at(0, shape::read_request)
            .map_err(|error| codec(&error))?
    };
    let body = WireBody::new(data, trailers, None).boxed_unsync();
    let request = match head.into_request(body) {
        Ok(request) => request,
        Err(code) => return refuse(incoming, &code).await,
    };
    match program.handle_http(request, context).await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let ((data, data_out), (trailers, trailers_out)) = (stream::stream(), stream::future());
            let mut writer = Writer::new();
            writer.at(0, |writer| {
                writer.result(true);
                shape::write_response(writer, &head, &data_out, &trailers_out);
            });
            respond(incoming, writer).await?;
            pump(body, data, trailers).await;
            Ok(())
        }
        // What the component says is told as it says it.
        Err(CallError::Guest(error)) => refuse(incoming, &ErrorCode::from(&*error)).await,
        Err(error) if incoming.understands_failures() => Err(failure::told(&Failed::Begun(error))),
        Err(error) => refuse(incoming, &code(&error)).await,
    }
}

async fn refuse(incoming: &mut Incoming, code: &ErrorCode) -> Result<(), Failure> {
    let mut writer = Writer::new();
    writer.at(0, |writer| {
        writer.result(false);
        writer.value(code);
    });
    respond(incoming, writer).await
}

async fn respond(incoming: &mut Incoming, writer: Writer) -> Result<(), Failure> {
    let results = writer
        .finish()
        .map_err(|error| Failure::new(FailureCode::Codec, render_chain(&error)))?;
    // That the connection is closed shows at the caller.
    let _ = incoming.respond(results).await;
    Ok(())
}

/// What a caller of 1.9 is told, whose errors are those of HTTP alone.
fn code(error: &CallError) -> ErrorCode {
    match error {
        CallError::Deadline | CallError::Cpu => ErrorCode::ResponseTimeout,
        CallError::Overloaded { .. } => ErrorCode::ConnectionLimitReached,
        CallError::Depth { .. } => ErrorCode::LoopDetected,
        error => ErrorCode::InternalError(Some(error.to_string())),
    }
}
