//! The SDK against one that plays the host, over a real nats-server.

#![cfg(test)]

mod blobs;
mod calls;
mod health;
mod host;
mod links;
mod process;
mod recording;
mod server;
mod shutdown;
mod subject;

// The examples, so that they are compiled with everything else; they are built by themselves too.
#[path = "../../../../examples/provider-blobs/src/main.rs"]
#[expect(dead_code, reason = "it is a program")]
mod example_blobs;
#[path = "../../../../examples/provider-clock/src/main.rs"]
#[expect(dead_code, reason = "it is a program")]
#[expect(
    clippy::disallowed_methods,
    reason = "users of the SDK spawn tasks as they please"
)]
mod example_clock;
#[path = "../../../../examples/provider-keyvalue/src/main.rs"]
#[expect(dead_code, reason = "it is a program")]
mod example_keyvalue;
#[path = "../../../../examples/provider-messaging/src/main.rs"]
#[expect(dead_code, reason = "it is a program")]
mod example_messaging;
