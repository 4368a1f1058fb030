//! Readers never panic, and read what writers wrote.

use proptest::prelude::*;
use weft_model::limits::LimitOverrides;
use weft_protocol::application::{PutReply, Status};
use weft_protocol::control::{
    Ack, Inventory, Lease, Link, ScaleComponent, parse_limits, render_limits,
};
use weft_protocol::event::{Event, EventTime};
use weft_protocol::json;
use weft_protocol::provider::{HostData, LinkDefinition};
use weft_protocol::state::{ClaimsRecord, ComponentRecord, LatticeKey};
use weft_protocol::subject::{
    ApplicationSubjects, ControlSubjects, Operation, ProviderSubjects, SubjectPrefix,
    parse_event_subject, parse_status_subject,
};

/// Calls every reader; only panics matter.
fn read_all(bytes: &[u8]) {
    let _ = json::decode::<serde_json::Value>(bytes);
    let _ = json::decode::<Ack>(bytes);
    let _ = json::decode::<Inventory>(bytes);
    let _ = json::decode::<Link>(bytes);
    let _ = json::decode::<ScaleComponent>(bytes);
    let _ = json::decode::<LinkDefinition>(bytes);
    let _ = json::decode::<HostData>(bytes);
    let _ = json::decode::<PutReply>(bytes);
    let _ = json::decode::<Status>(bytes);
    let _ = ComponentRecord::decode(bytes);
    let _ = ClaimsRecord::decode(bytes);
    let _ = Event::decode(bytes);
}

/// Texts that look like JSON of the dialect more often than random bytes do.
fn json_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "true",
        "1e999",
        "-1",
        "\"id\"",
        "\"type\"",
        "\"source\"",
        "\"data\"",
        "\"links\"",
        "\"url\"",
        "\"components\"",
        "\"providers\"",
        "\"com.wasmcloud.lattice.host_heartbeat\"",
        "\"time\"",
        "\"2024-01-01T00:00:00Z\"",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_-]{1,40}"
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_all(&bytes);
    }

    #[test]
    fn text_like_json_is_read_without_panic(text in json_like()) {
        read_all(text.as_bytes());
    }

    #[test]
    fn arbitrary_texts_are_parsed_without_panic(text in "\\PC{0,80}", tail in "[a-z.*>_]{0,40}") {
        let lattice = "default".parse().unwrap();
        let control = ControlSubjects::new(&SubjectPrefix::control(), &lattice);
        let application = ApplicationSubjects::new(&SubjectPrefix::application(), &lattice);
        for subject in [
            text.clone(),
            format!("wasmbus.ctl.v1.default.{tail}"),
            format!("wadm.api.default.model.{tail}"),
            format!("wasmbus.rpc.default.{tail}"),
        ] {
            if let Ok(operation) = control.parse(&subject) {
                prop_assert_eq!(control.render(&operation), subject.clone());
            }
            if let Ok(operation) = application.parse(&subject) {
                prop_assert_eq!(application.render(&operation), subject.clone());
            }
            let _ = ProviderSubjects::new(&lattice).parse(&subject);
            let _ = parse_event_subject(&lattice, &subject);
            let _ = parse_status_subject(&lattice, &subject);
        }
        let _ = text.parse::<EventTime>();
        let _ = text.parse::<Lease>();
        let _ = text.parse::<SubjectPrefix>();
        let _ = LatticeKey::parse(&text);
    }

    #[test]
    fn times_parse_what_they_render(nanos in any::<u64>()) {
        let time = EventTime::since_epoch(std::time::Duration::from_nanos(nanos)).unwrap();
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn subjects_parse_what_they_render(host in id(), config in id()) {
        let control = ControlSubjects::new(&SubjectPrefix::control(), &"edge".parse().unwrap());
        for operation in [
            Operation::HostGet(host.parse().unwrap()),
            Operation::ComponentScale(host.parse().unwrap()),
            Operation::ConfigPut(config.parse().unwrap()),
        ] {
            prop_assert_eq!(control.parse(&control.render(&operation)), Ok(operation));
        }
    }

    #[test]
    fn limits_parse_what_they_render(
        memory in any::<Option<u64>>(), tables in any::<Option<u64>>(), depth in any::<Option<u32>>(),
        call_ms in any::<Option<u64>>(), queue_ms in any::<Option<u64>>(),
    ) {
        let limits = LimitOverrides {
            memory_bytes_max: memory,
            table_elements_max: tables,
            call_duration_max: call_ms.map(std::time::Duration::from_millis),
            call_depth_max: depth,
            queue_duration_max: queue_ms.map(std::time::Duration::from_millis),
            ..LimitOverrides::default()
        };
        let rendered = render_limits(&limits).unwrap_or_default();
        prop_assert_eq!(parse_limits(&rendered), limits);
    }

    #[test]
    fn records_read_what_they_write(
        url in "\\PC{0,40}", interfaces in prop::collection::vec("[a-z]{1,8}", 1..4), target in id(),
    ) {
        let mut record = ComponentRecord::new(&url);
        let link = Link {
            source_id: "web".to_owned(),
            target,
            name: "default".to_owned(),
            wit_namespace: "wasi".to_owned(),
            wit_package: "keyvalue".to_owned(),
            interfaces,
            source_config: Vec::new(),
            target_config: Vec::new(),
        };
        record.put_link(&(&link).try_into().unwrap()).unwrap();
        prop_assert_eq!(ComponentRecord::decode(&record.encode()).unwrap(), record);
    }
}
