//! What the fuzz targets of `fuzz` run: any bytes as what others send and store. Nothing panics, and what is read is written
//! as something that reads the same.

use serde::Serialize;
use serde::de::DeserializeOwned;
use weft_model::application::Config;
use weft_model::id::LatticeName;
use weft_model::inventory::HostInventory;
use weft_model::link;

use crate::application::{
    DeleteReply, DeployReply, GetAllReply, GetReply, ModelSummary, PutReply, Status, StatusReply,
    VersionRequest, VersionsReply,
};
use crate::control::{
    Ack, ClaimsList, ComponentAuction, ComponentBid, DeleteLabel, DeleteLink, HostSummary,
    Inventory, Lease, Link, Links, ProviderAuction, ProviderBid, PutLabel, RegistryCredentials,
    Reply, ScaleComponent, StartProvider, StopHost, StopProvider, UpdateComponent,
};
use crate::event::{Data, Event, EventTime};
use crate::json;
use crate::provider::{HealthReply, HostData, LinkDefinition, ShutdownRequest};
use crate::state::{ClaimsRecord, ComponentRecord, LatticeKey, LeaseRecord};
use crate::subject::{
    ApplicationSubjects, ControlSubjects, ProviderSubjects, SubjectPrefix, parse_event_subject,
    parse_status_subject,
};

/// Takes the first byte as the kind of a request to a host, or of the answer, and the others as its body.
///
/// # Panics
///
/// When what is written is not read as it was.
pub fn control(data: &[u8]) {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    match kind % 24 {
        0 => with::<ScaleComponent>(body, |scale| {
            let (_, _, _) = (scale.component(), scale.image(), scale.configs());
            if let Some(limits) = scale.limits() {
                let mut again = scale.clone();
                again.set_limits(&limits);
                assert_eq!(again.limits().unwrap_or_default(), limits);
            }
        }),
        1 => with::<UpdateComponent>(body, |update| {
            let _ = (update.component(), update.image());
        }),
        2 => with::<StartProvider>(body, |start| {
            let _ = (start.provider(), start.image(), start.configs());
        }),
        3 => with::<StopProvider>(body, |stop| {
            let _ = stop.provider();
        }),
        4 => with::<ComponentAuction>(body, |auction| {
            let _ = auction.component();
        }),
        5 => with::<ProviderAuction>(body, |auction| {
            let _ = auction.provider();
        }),
        6 => with::<Link>(body, |wire| {
            if let Ok(link) = link::Link::try_from(wire) {
                assert_eq!(
                    link::Link::try_from(&Link::from(&link)).ok().as_ref(),
                    Some(&link)
                );
            }
        }),
        7 => with::<DeleteLink>(body, |delete| {
            let _ = link::LinkKey::try_from(delete);
        }),
        8 => with::<PutLabel>(body, |label| {
            let _ = label.is_reserved();
        }),
        9 => with::<DeleteLabel>(body, |_| {}),
        10 => with::<StopHost>(body, |_| {}),
        11 => with::<RegistryCredentials>(body, |_| {}),
        12 => with::<Config>(body, |_| {}),
        13 => with::<Reply<Inventory>>(body, |reply| {
            if let Some(inventory) = &reply.response {
                inventory_converts(inventory);
            }
        }),
        14 => with::<Reply<HostSummary>>(body, |_| {}),
        15 => with::<Reply<Links>>(body, |_| {}),
        16 => with::<Reply<ClaimsList>>(body, |_| {}),
        17 => with::<Reply<ComponentBid>>(body, |_| {}),
        18 => with::<Reply<ProviderBid>>(body, |_| {}),
        19 => {
            // Data in an acknowledgement is not for whoever reads one, and is not written again.
            if let Ok(reply) = json::decode::<Ack>(body) {
                let _ = reply.problem();
            }
        }
        20 => with::<HostData>(body, |_| {}),
        21 => with::<LinkDefinition>(body, |_| {}),
        22 => with::<HealthReply>(body, |_| {}),
        _ => with::<ShutdownRequest>(body, |_| {}),
    }
}

/// Takes bytes as an event.
///
/// # Panics
///
/// As [`control`].
pub fn event(data: &[u8]) {
    let Ok(event) = Event::decode(data) else {
        return;
    };
    let lattice = LatticeName::default();
    assert!(parse_event_subject(&lattice, &event.subject(&lattice)).is_ok() || unusual(&event));
    let _ = event.host();
    if let Data::HostHeartbeat(inventory) = &event.data {
        inventory_converts(inventory);
    }
    let written = event.encode();
    let again = Event::decode(&written).expect("what was written is read");
    assert_eq!(again.encode(), written);
}

/// Takes bytes as what is kept in the buckets of a lattice, and changes it.
///
/// # Panics
///
/// As [`control`], or when a change is lost.
pub fn record(data: &[u8]) {
    if let Ok(mut record) = ComponentRecord::decode(data) {
        let (links, _) = record.model_links();
        let written = record.encode();
        let again = ComponentRecord::decode(&written).expect("what was written is read");
        assert_eq!(again.encode(), written);
        for link in &links {
            let _ = record.put_link(link);
            record.delete_link(&link.key());
            record
                .put_link(link)
                .expect("nothing is in the way of what was deleted");
        }
        ComponentRecord::decode(&record.encode()).expect("what was written is read");
    }
    if let Ok(record) = ClaimsRecord::decode(data) {
        let written = record.encode();
        let again = ClaimsRecord::decode(&written).expect("what was written is read");
        assert_eq!(again.encode(), written);
        let _ = record.to_entry();
    }
    if let Ok(record) = LeaseRecord::decode(data) {
        let _ = record.lease();
        LeaseRecord::decode(&record.encode()).expect("what was written is read");
    }
}

/// Takes bytes as what managers and their clients say to each other.
///
/// # Panics
///
/// As [`control`].
pub fn application(data: &[u8]) {
    with::<VersionRequest>(data, |_| {});
    with::<GetReply>(data, |_| {});
    with::<GetAllReply>(data, |_| {});
    with::<Vec<ModelSummary>>(data, |_| {});
    with::<PutReply>(data, |_| {});
    with::<DeleteReply>(data, |_| {});
    with::<VersionsReply>(data, |_| {});
    with::<DeployReply>(data, |_| {});
    with::<StatusReply>(data, |_| {});
    with::<Status>(data, |_| {});
}

/// Takes bytes as subjects, keys and the texts within them.
///
/// # Panics
///
/// When what is read is not written as it was.
pub fn subject(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Ids are read without the space around them, and NATS has none in subjects.
    if text.contains(char::is_whitespace) {
        return;
    }
    let lattice = LatticeName::default();
    let control = ControlSubjects::new(&SubjectPrefix::control(), &lattice);
    let application = ApplicationSubjects::new(&SubjectPrefix::application(), &lattice);
    let provider = ProviderSubjects::new(&lattice);
    for prefix in [
        "",
        "wasmbus.ctl.v1.default.",
        "wadm.api.default.model.",
        "wasmbus.rpc.default.",
    ] {
        let subject = format!("{prefix}{text}");
        if let Ok(operation) = control.parse(&subject) {
            assert_eq!(control.render(&operation), subject);
        }
        if let Ok(operation) = application.parse(&subject) {
            assert_eq!(application.render(&operation), subject);
        }
        if let Ok((receiver, message)) = provider.parse(&subject) {
            assert_eq!(provider.render(&receiver, message), subject);
        }
        let _ = parse_event_subject(&lattice, &subject);
        let _ = parse_status_subject(&lattice, &subject);
    }
    let _ = text.parse::<SubjectPrefix>();
    if let Ok(time) = text.parse::<EventTime>() {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
    if let Ok(lease) = text.parse::<Lease>() {
        assert_eq!(lease.to_string().parse(), Ok(lease));
    }
    if let Ok(key) = LatticeKey::parse(&text) {
        assert_eq!(key.to_string(), text);
    }
}

/// Whether an event is of a kind whose name makes no subject.
fn unusual(event: &Event) -> bool {
    matches!(event.data, Data::Unknown { .. })
}

fn inventory_converts(inventory: &Inventory) {
    let _ = inventory.to_model_lossy();
    if let Ok(model) = HostInventory::try_from(inventory) {
        let again = HostInventory::try_from(&Inventory::from(&model));
        assert_eq!(again.ok().as_ref(), Some(&model));
    }
}

/// Reads a `T`, uses it, and looks whether it survives being written.
fn with<T: DeserializeOwned + Serialize>(bytes: &[u8], then: impl FnOnce(&T)) {
    let Ok(value) = json::decode::<T>(bytes) else {
        return;
    };
    then(&value);
    let written = json::encode(&value);
    let again = json::decode::<T>(&written).expect("what was written is read");
    assert_eq!(json::encode(&again), written);
}
