//! Calling functions, and listening to calls.

use std::time::Duration;

use serde_json::{Value as Json, json};
use weft_cli::Status;
use weft_lattice::Lattice;
use weft_runtime::TaskKind;
use weft_wrpc::encode::Stream;
use weft_wrpc::server::dispatch;
use weft_wrpc::stream::{Outgoing, stream};
use weft_wrpc::{
    Endpoint, Export, Failure, FailureCode, Incoming, Options, Prefix, ServeOptions, Signature,
    Type,
};

use crate::host::Host;
use crate::server::Server;
use crate::weft::Weft;

const INSTANCE: &str = "demo:shop/cart@0.1.0";
const WIT: &str = "
package demo:shop@0.1.0;

interface cart {
    record item { id: string, count: u32, note: option<string> }
    variant outcome { added(item), full }
    add: func(item: item, twice: bool) -> outcome;
    sum: func(numbers: stream<u32>) -> stream<u64>;
    refuse: func();
    missing: func();
}
";

#[derive(Clone)]
struct Item {
    id: String,
    count: u32,
    note: Option<String>,
}
weft_wrpc::record!(Item { id, count, note });

enum Outcome {
    Added(Item),
    Full,
}
weft_wrpc::variant!(Outcome { Added(Item): "added", Full: "full" });

/// Serves `shop-cart`.
async fn serve(server: &Server) -> Lattice {
    let lattice = server.connect().await;
    let tasks = server.tasks().clone();
    let endpoint = Endpoint::new(lattice.nats().clone(), &tasks, Options::default());
    let endpoint = endpoint.await.unwrap();
    let prefix = Prefix::new(&server.lattice, "shop-cart").unwrap();
    let sums = Signature::new([Type::stream(Type::U32)], [Type::stream(Type::U64)]);
    let exports = vec![
        Export::typed::<(Item, bool), (Outcome,)>(INSTANCE, "add").unwrap(),
        Export {
            instance: INSTANCE.to_owned(),
            name: "sum".to_owned(),
            signature: sums.unwrap().into(),
        },
        Export::typed::<(), ()>(INSTANCE, "refuse").unwrap(),
    ];
    let options = ServeOptions::default();
    let exports = endpoint.serve(&prefix, exports, options).await.unwrap();
    let serving = async move { dispatch(exports, &tasks, answer).await };
    server
        .tasks()
        .spawn(TaskKind::Helper, "test serve", serving);
    // Whoever connects after this finds the subscriptions.
    lattice.flush().await.unwrap();
    lattice
}

async fn answer(mut call: Incoming) {
    match call.function() {
        "add" => {
            assert_eq!(call.context().source_id.as_deref(), Some("weft"));
            let (mut item, twice): (Item, bool) = call.decode().await.unwrap();
            if item.count == 0 {
                return call.answer(&(Outcome::Full,)).await.unwrap();
            }
            item.count *= if twice { 2 } else { 1 };
            call.answer(&(Outcome::Added(item),)).await.unwrap();
        }
        "sum" => {
            let (mut numbers,): (Stream<u32>,) = call.decode().await.unwrap();
            let (mut writer, outgoing): (_, Outgoing) = stream();
            call.answer(&(outgoing,)).await.unwrap();
            let mut sum = 0;
            while let Some(part) = numbers.reader.next::<u32>().await.unwrap() {
                for number in part {
                    sum += u64::from(number);
                    writer.write(&[sum]).await.unwrap();
                }
            }
            writer.finish().await.unwrap();
        }
        _ => call.fail(&Failure::new(FailureCode::Denied, "not you")),
    }
}

async fn start() -> Option<(Server, Lattice, Weft)> {
    let server = Server::start().await?;
    let lattice = serve(&server).await;
    let weft = Weft::at(&server);
    weft.write("shop.wit", WIT);
    Some((server, lattice, weft))
}

#[tokio::test]
async fn a_call_prints_what_came_back() {
    let Some((_server, _lattice, weft)) = start().await else {
        return;
    };
    let add = "call shop-cart demo:shop/cart.add --wit shop.wit";
    let ran = weft
        .run(&format!("{add} {{id:\"tea\",count:2}} true"))
        .await;
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (Status::Ok, "added({id: \"tea\", count: 4})\n"),
        "{ran:?}"
    );
    let ran = weft
        .run(&format!("{add} {{id:\"tea\",count:0}} false"))
        .await;
    assert_eq!(ran.output, "full\n");
    let ran = weft
        .run(&format!(
            "{add} {{id:\"tea\",count:1,note:some(\"x\")}} false -o json"
        ))
        .await;
    let view: Json = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(view["function"], "demo:shop/cart@0.1.0.add");
    let added = json!({ "added": { "id": "tea", "count": 1, "note": "x" } });
    assert_eq!(view["values"], json!([added]));
}

#[tokio::test]
async fn streams_are_written_and_read_as_lists() {
    let Some((_server, _lattice, weft)) = start().await else {
        return;
    };
    let sum = "call shop-cart demo:shop/cart.sum --wit shop.wit";
    let ran = weft.run(&format!("{sum} [1,2,300]")).await;
    assert_eq!(
        (ran.status, ran.output.as_str()),
        (Status::Ok, "[1, 3, 303]\n"),
        "{ran:?}"
    );
    assert_eq!(weft.run(&format!("{sum} []")).await.output, "[]\n");
}

#[tokio::test]
async fn a_call_that_fails_says_why() {
    let Some((_server, _lattice, weft)) = start().await else {
        return;
    };
    let cases = [
        ("demo:shop/cart.refuse", Status::Rejected, "RPC004"),
        ("demo:shop/cart.missing", Status::NotFound, "RPC001"),
        ("demo:shop/cart.nothing", Status::NotFound, "CLI042"),
        ("demo:shop/till.add", Status::NotFound, "CLI042"),
        ("demo:shop/cart.add 1 2", Status::Usage, "CLI043"),
        ("demo:shop/cart.add", Status::Usage, "CLI043"),
        ("cart", Status::Usage, "CLI040"),
        ("demo:shop/cart.refuse --path /", Status::Usage, "CLI045"),
        (
            "wasi:http/incoming-handler.handle -d @nofile",
            Status::NotFound,
            "CLI007",
        ),
    ];
    for (line, status, code) in cases {
        let ran = weft
            .run(&format!("call shop-cart {line} --wit shop.wit"))
            .await;
        assert_eq!(ran.status, status, "{line}: {ran:?}");
        assert!(ran.messages.contains(code), "{line}: {}", ran.messages);
    }
}

#[tokio::test]
async fn wrong_arguments_are_told_with_their_types() {
    let Some((_server, _lattice, weft)) = start().await else {
        return;
    };
    let check = async |arguments: &str, texts: &[&str]| {
        let line = format!("call shop-cart demo:shop/cart.add {arguments} --wit shop.wit");
        let ran = weft.run(&line).await;
        assert_eq!(ran.status, Status::Usage, "{ran:?}");
        for text in texts {
            assert!(ran.messages.contains(text), "no `{text}`: {ran:?}");
        }
    };
    let item = "{id: string, count: u32, note: option<string>}";
    let takes = format!("it takes `item: {item}` and `twice: bool`");
    check("", &[takes.as_str()]).await;
    let wrong = format!("argument `item` is no `{item}`");
    let texts = [wrong.as_str(), "field `count`: "];
    check("{id:\"tea\",count:true} true", &texts).await;
}

#[tokio::test]
async fn providers_do_not_tell_their_types() {
    let Some(server) = Server::start().await else {
        return;
    };
    let host = Host::start(&server, "NABC", "quiet-river").await;
    host.run("shop");
    let weft = Weft::at(&server);
    let ran = weft
        .run("call shop-kv wasi:keyvalue/store.open default")
        .await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    for text in ["it is a provider", "`--wit FILE`", "code: CLI044"] {
        assert!(ran.messages.contains(text), "no `{text}`: {ran:?}");
    }
}

#[tokio::test]
async fn calls_are_waited_for_until_the_deadline() {
    let Some((_server, _lattice, weft)) = start().await else {
        return;
    };
    let ran = weft
        .run("spy shop-cart --wit shop.wit --count 2 --timeout 1s")
        .await;
    assert_eq!(ran.status, Status::Deadline, "{ran:?}");
    for text in ["0 of 2 calls came within 1.0 s", "code: CLI009"] {
        assert!(ran.messages.contains(text), "no `{text}`: {ran:?}");
    }
}

#[tokio::test]
async fn calls_are_shown_as_they_happen() {
    let Some((_server, lattice, weft)) = start().await else {
        return;
    };
    let spy = weft.run("spy shop-cart --wit shop.wit --count 1 -o json");
    let calls = async {
        // It listens from some time on that it tells nobody in this process.
        loop {
            let add = "call shop-cart demo:shop/cart.add --wit shop.wit {id:\"tea\",count:2} true";
            assert_eq!(weft.run(add).await.status, Status::Ok);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ran = tokio::select! {
        ran = spy => ran,
        () = calls => unreachable!("calls go on"),
    };
    let view: Json = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(view["direction"], "to");
    assert_eq!(view["caller"], "weft");
    assert_eq!(view["callee"], "shop-cart");
    assert_eq!(view["function"], "demo:shop/cart@0.1.0.add");
    assert_eq!(view["outcome"], "answered");
    let tea = json!([{ "id": "tea", "count": 2, "note": null }, true]);
    assert_eq!(view["params"]["values"], tea);
    assert_eq!(
        view["results"]["wave"],
        json!(["added({id: \"tea\", count: 4})"])
    );
    drop(lattice);
}
