//! Messages that are handed to components which export `incoming-handler@0.3.0`: as `handler@0.2.0` on the wire.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use wasmtime::Store;
use wasmtime::component::{ResourceAny, Val};
use weft_engine::{ExportTarget, Program, StoreContext};
use weft_wrpc::{Export, Failure, Incoming};

use super::newer::Held;
use super::{HANDLER, Message};
use crate::remote::exported::{Exported, codec_failure, invoke};

/// The export that is served so.
const INCOMING_HANDLER: &str = "wasmcloud:messaging/incoming-handler@0.3.0";

/// What is served of `program`: nothing where it exports `handler` itself, which is called as it is.
pub(crate) fn exported(program: &Arc<Program>) -> Vec<Exported> {
    let exports = program.world().exports();
    let position = |wanted: &str| {
        let mut exports = exports.iter();
        exports.position(|export| export.interface.to_string() == wanted)
    };
    let (None, Some(position)) = (position(HANDLER), position(INCOMING_HANDLER)) else {
        return Vec::new();
    };
    let export = Export::typed::<(Message,), (Result<(), String>,)>(HANDLER, "handle-message");
    let targets = program.targets(position).into_iter();
    let export = export.expect("plain types can cross the wire");
    targets
        .map(|target| Exported {
            interface: exports[position].interface.clone(),
            export: export.clone(),
            target,
            answer,
        })
        // The interface has one function.
        .take(1)
        .collect()
}

fn answer<'a>(
    target: &'a ExportTarget,
    incoming: &'a mut Incoming,
) -> BoxFuture<'a, Result<(), Failure>> {
    async move {
        let (message,): (Message,) = incoming.decode().await.map_err(codec_failure)?;
        let results = invoke(target, incoming, |store: &mut Store<StoreContext>| {
            let handle = store.data_mut().table().push(Held::from(message))?;
            let handle = ResourceAny::try_from_resource(handle, store)?;
            Ok([Val::Resource(handle)])
        });
        let told = told(results.await?);
        // That the connection is closed shows at the caller.
        let _ = incoming.answer(&(told,)).await;
        Ok(())
    }
    .boxed()
}

/// What the component says, as 0.2.0 has it: an error is a text.
fn told(results: Vec<Val>) -> Result<(), String> {
    let Some(Val::Result(Err(error))) = results.into_iter().next() else {
        return Ok(());
    };
    match error.map(|error| *error) {
        Some(Val::Variant(case, None)) => Err(case),
        Some(Val::Variant(case, Some(text))) => match (case.as_str(), *text) {
            ("other", Val::String(text)) => Err(text),
            (case, Val::String(text)) => Err(format!("{case}: {text}")),
            (case, _) => Err(case.to_owned()),
        },
        _ => Err("the component failed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_components_are_told_as_texts() {
        let error = |case: &str, text: Option<&str>| {
            let text = text.map(|text| Box::new(Val::String(text.to_owned())));
            let error = Val::Variant(case.to_owned(), text);
            told(vec![Val::Result(Err(Some(Box::new(error))))]).unwrap_err()
        };
        assert_eq!(error("other", Some("no")), "no");
        assert_eq!(error("connection", Some("lost")), "connection: lost");
        assert_eq!(error("timeout", None), "timeout");
        assert_eq!(told(vec![Val::Result(Ok(None))]), Ok(()));
    }
}
