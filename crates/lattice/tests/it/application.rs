use std::time::Duration;

use weft_lattice::Headers;
use weft_lattice::application::{Answerer, ApplicationError, ManifestFormat};
use weft_lattice::intake::{Request, serve_applications};
use weft_lattice::protocol::application::{
    DeleteReply, DeleteResult, DeployReply, DeployResult, ErrorReply, GetAllReply, GetReply,
    GetResult, ModelSummary, ProblemEntry, PutReply, PutResult, Status, StatusReply, StatusResult,
    VersionRequest, VersionsReply,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::ApplicationOperation;
use weft_model::problem::Coded;
use weft_runtime::TaskKind;

use crate::server::{Server, in_time};

/// What a manager that knows one application answers.
fn answer(request: &Request<ApplicationOperation>) -> Vec<u8> {
    let name = request.operation.application();
    let is_known = name.is_some_and(|name| name.as_str() == "known");
    let found = if is_known {
        GetResult::Success
    } else {
        GetResult::NotFound
    };
    let message = String::new();
    match &request.operation {
        ApplicationOperation::GetAll => json::encode(&GetAllReply {
            result: GetResult::Success,
            message,
            models: vec![ModelSummary {
                name: "known".to_owned(),
                ..ModelSummary::default()
            }],
        }),
        ApplicationOperation::Get(_) => json::encode(&GetReply {
            result: found,
            message,
            manifest: is_known.then(|| serde_json::json!({ "kind": "Application" })),
        }),
        ApplicationOperation::Put => answer_put(request),
        ApplicationOperation::Versions(_) => json::encode(&VersionsReply {
            result: found,
            message,
            versions: Vec::new(),
        }),
        ApplicationOperation::Deploy(name) | ApplicationOperation::Undeploy(name) => {
            let asked: VersionRequest = json::decode(&request.payload).unwrap();
            json::encode(&DeployReply {
                result: if is_known {
                    DeployResult::Acknowledged
                } else {
                    DeployResult::NotFound
                },
                message,
                name: name.to_string(),
                version: asked.version,
                weft_problems: Vec::new(),
            })
        }
        ApplicationOperation::Delete(_) => json::encode(&DeleteReply {
            result: if is_known {
                DeleteResult::Deleted
            } else {
                DeleteResult::Noop
            },
            message,
            undeploy: false,
        }),
        ApplicationOperation::Status(_) => json::encode(&StatusReply {
            result: if is_known {
                StatusResult::Ok
            } else {
                StatusResult::NotFound
            },
            message,
            status: is_known.then(Status::default),
        }),
        _ => json::encode(&ErrorReply::new("not served")),
    }
}

fn answer_put(request: &Request<ApplicationOperation>) -> Vec<u8> {
    assert_eq!(request.headers["Content-Type"], "application/yaml");
    if request.headers.get("Weft-Strict").map(String::as_str) == Some("true") {
        return json::encode(&ErrorReply::new("strictly speaking"));
    }
    if request.payload == "good" {
        return json::encode(&PutReply {
            result: PutResult::Created,
            total_versions: Some(1),
            current_version: Some("v1".to_owned()),
            message: String::new(),
            name: Some("known".to_owned()),
            weft_problems: Vec::new(),
        });
    }
    json::encode(&ErrorReply {
        weft_problems: vec![ProblemEntry {
            code: "APP001".to_owned(),
            message: "no components".to_owned(),
            hints: vec!["add one".to_owned()],
            ..ProblemEntry::default()
        }],
        ..ErrorReply::new("invalid manifest")
    })
}

#[tokio::test]
async fn a_manager_is_asked_in_types() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut requests = serve_applications(&server.connect().await, 100, Headers::new())
        .await
        .unwrap();
    server
        .tasks()
        .spawn(TaskKind::Helper, "manager", async move {
            while let Some(request) = requests.next().await {
                request.reply(answer(&request)).await.unwrap();
            }
        });
    let applications = server.connect().await.applications();
    let (known, other) = ("known".parse().unwrap(), "other".parse().unwrap());
    assert_eq!(applications.list().await.unwrap()[0].name, "known");
    let manifest = applications.manifest(&known, Some("v1")).await.unwrap();
    assert_eq!(manifest.unwrap()["kind"], "Application");
    assert_eq!(applications.manifest(&other, None).await.unwrap(), None);
    assert_eq!(
        applications.versions(&known).await.unwrap(),
        Some(Vec::new())
    );
    assert_eq!(applications.versions(&other).await.unwrap(), None);
    assert_eq!(
        applications.status(&known).await.unwrap(),
        Some(Status::default())
    );
    assert_eq!(applications.status(&other).await.unwrap(), None);
    let deployed = applications.deploy(&known, Some("v1")).await.unwrap();
    assert_eq!(deployed.version.as_deref(), Some("v1"));
    applications.undeploy(&known).await.unwrap();
    let error = applications.deploy(&other, None).await.unwrap_err();
    assert!(
        matches!(error, ApplicationError::NotFound { .. }),
        "{error:?}"
    );
    let deleted = applications.delete(&other, None).await.unwrap();
    assert_eq!(deleted.result, DeleteResult::Noop);
    let put = async |text: &str| applications.put(text.into(), ManifestFormat::Yaml).await;
    assert_eq!(
        put("good").await.unwrap().current_version.as_deref(),
        Some("v1")
    );
    let strict = applications.put_strict("good".into(), ManifestFormat::Yaml);
    assert!(matches!(
        strict.await,
        Err(ApplicationError::Refused { message, .. }) if message == "strictly speaking"
    ));
    let error = put("bad").await.unwrap_err();
    let ApplicationError::Refused { problems, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(problems[0].code, "APP001");
    assert_eq!(
        (error.code(), error.hints()),
        ("LAT001", vec!["add one".to_owned()])
    );
}

#[tokio::test]
async fn managers_of_weft_and_others_are_told_apart() {
    let Some(server) = Server::start().await else {
        return;
    };
    let asker = server.connect().await.applications();
    let limit = Duration::from_secs(30);
    assert_eq!(in_time(asker.answerer(limit)).await.unwrap(), None);
    let served = server.connect().await;
    let mut foreign = serve_applications(&served, 1, Headers::new())
        .await
        .unwrap();
    let (answerer, ()) = in_time(async {
        tokio::join!(asker.answerer(limit), async {
            let request = foreign.next().await.unwrap();
            request.reply(answer(&request)).await.unwrap();
        })
    })
    .await;
    assert_eq!(answerer.unwrap(), Some(Answerer::Other));
    drop(foreign);
    served.flush().await.unwrap();
    let headers = Headers::from([("Weft-Manager".to_owned(), "m1".to_owned())]);
    let ours = serve_applications(&served, 1, headers).await.unwrap();
    // The first request waits, the second finds no place: a refusal is known by its header too.
    let waiting = asker.answerer(Duration::from_millis(1)).await.unwrap();
    assert_eq!(waiting, None);
    assert_eq!(
        in_time(asker.answerer(limit)).await.unwrap(),
        Some(Answerer::Weft("m1".to_owned()))
    );
    drop(ours);
}
