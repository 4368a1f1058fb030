//! A manager that stores manifests and tells the statuses that a test gives it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use weft_lattice::intake::{Request, serve_applications};
use weft_lattice::protocol::application::{
    DeleteReply, DeleteResult, DeployReply, DeployResult, ErrorReply, GetAllReply, GetReply,
    GetResult, ModelSummary, ProblemEntry, PutReply, PutResult, ScalerStatus, Status, StatusInfo,
    StatusReply, StatusResult, StatusType, VersionEntry, VersionRequest, VersionsReply,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::ApplicationOperation;
use weft_runtime::TaskKind;

use crate::server::Server;

/// The manager of a lattice.
#[derive(Clone, Default)]
pub(crate) struct Manager {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    applications: BTreeMap<String, Application>,
    /// Statuses to tell after a deployment, one per question; the last is told again and again.
    script: VecDeque<Status>,
    /// Requests that came, by verb.
    requests: Vec<String>,
}

#[derive(Default)]
struct Application {
    versions: Vec<(String, Value)>,
    deployed: Option<String>,
    status: Status,
}

// ===== impl Manager =====

impl Manager {
    /// Serves the lattice of `server`.
    pub(crate) async fn start(server: &Server) -> Self {
        let manager = Self::default();
        let mut requests = serve_applications(&server.connect().await, 100, BTreeMap::new())
            .await
            .unwrap();
        let serving = manager.clone();
        server
            .tasks()
            .spawn(TaskKind::Helper, "manager", async move {
                while let Some(request) = requests.next().await {
                    let body = serving.answer(&request);
                    request.reply(body).await.unwrap();
                }
            });
        manager
    }

    /// Tells these statuses after the next deployment.
    pub(crate) fn will_tell(&self, statuses: impl IntoIterator<Item = Status>) {
        self.state.lock().unwrap().script = statuses.into_iter().collect();
    }

    /// The verbs of the requests that came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The newest manifest of an application.
    pub(crate) fn manifest(&self, name: &str) -> Option<Value> {
        let state = self.state.lock().unwrap();
        let application = state.applications.get(name)?;
        application.versions.last().map(|(_, value)| value.clone())
    }

    /// The version of an application that is to run.
    pub(crate) fn deployed(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.applications.get(name)?.deployed.clone()
    }

    fn answer(&self, request: &Request<ApplicationOperation>) -> Vec<u8> {
        let mut state = self.state.lock().unwrap();
        state.requests.push(request.operation.to_string());
        let asked: VersionRequest = json::decode_or_default(&request.payload).unwrap_or_default();
        match &request.operation {
            ApplicationOperation::GetAll => state.list(),
            ApplicationOperation::Get(name) => state.get(name.as_str(), asked.version.as_deref()),
            ApplicationOperation::Put => {
                assert_eq!(request.headers["Content-Type"], "application/json");
                state.put(json::decode(&request.payload).unwrap())
            }
            ApplicationOperation::Versions(name) => state.versions(name.as_str()),
            ApplicationOperation::Deploy(name) => state.deploy(name.as_str(), asked.version),
            ApplicationOperation::Undeploy(name) => state.undeploy(name.as_str()),
            ApplicationOperation::Delete(name) => state.delete(name.as_str(), asked.version),
            ApplicationOperation::Status(name) => state.status(name.as_str()),
            _ => json::encode(&ErrorReply::new("not served")),
        }
    }
}

// ===== impl State =====

impl State {
    fn list(&self) -> Vec<u8> {
        let models = self.applications.iter().map(|(name, application)| {
            let newest = application.versions.last().unwrap();
            ModelSummary {
                name: name.clone(),
                version: newest.0.clone(),
                description: newest.1["metadata"]["annotations"]["description"]
                    .as_str()
                    .map(str::to_owned),
                deployed_version: application.deployed.clone(),
                detailed_status: application.status.clone(),
                ..ModelSummary::default()
            }
        });
        json::encode(&GetAllReply {
            result: GetResult::Success,
            message: String::new(),
            models: models.collect(),
        })
    }

    fn get(&self, name: &str, version: Option<&str>) -> Vec<u8> {
        let versions = self
            .applications
            .get(name)
            .map(|application| application.versions.as_slice())
            .unwrap_or_default();
        let found = match version {
            None => versions.last(),
            Some(version) => versions.iter().find(|(known, _)| known == version),
        };
        json::encode(&GetReply {
            result: match found {
                Some(_) => GetResult::Success,
                None => GetResult::NotFound,
            },
            message: String::new(),
            manifest: found.map(|(_, manifest)| manifest.clone()),
        })
    }

    /// Refuses manifests with an annotation `refuse`; gives versions `v1`, `v2` and so on where there is none, and none
    /// to what is stored already.
    fn put(&mut self, mut manifest: Value) -> Vec<u8> {
        let annotations = &manifest["metadata"]["annotations"];
        if let Some(why) = annotations["refuse"].as_str() {
            return json::encode(&ErrorReply {
                weft_problems: vec![ProblemEntry {
                    code: "APP014".to_owned(),
                    subject: "spec.components[web]".to_owned(),
                    message: why.to_owned(),
                    hints: vec!["rename one".to_owned()],
                }],
                ..ErrorReply::new("invalid manifest")
            });
        }
        let given = annotations["version"].as_str().map(str::to_owned);
        let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
        let application = self.applications.entry(name.clone()).or_default();
        let is_first = application.versions.is_empty();
        let version = given.unwrap_or_else(|| format!("v{}", application.versions.len() + 1));
        let without_version = |value: &Value| {
            let mut value = value.clone();
            value["metadata"]["annotations"]
                .as_object_mut()
                .unwrap()
                .remove("version");
            value
        };
        let known = application
            .versions
            .iter()
            .find(|(_, known)| without_version(known) == without_version(&manifest))
            .map(|(version, _)| version.clone());
        let version = known.clone().unwrap_or(version);
        if known.is_none() {
            manifest["metadata"]["annotations"]["version"] = Value::from(version.clone());
            application.versions.push((version.clone(), manifest));
        }
        json::encode(&PutReply {
            result: if is_first {
                PutResult::Created
            } else {
                PutResult::NewVersion
            },
            total_versions: Some(application.versions.len() as u64),
            current_version: Some(version),
            message: "stored".to_owned(),
            name: Some(name),
            weft_problems: Vec::new(),
        })
    }

    fn versions(&self, name: &str) -> Vec<u8> {
        let application = self.applications.get(name);
        let versions = application.map(|application| {
            let entry = |(version, _): &(String, Value)| VersionEntry {
                version: version.clone(),
                deployed: application.deployed.as_ref() == Some(version),
            };
            application.versions.iter().map(entry).collect()
        });
        json::encode(&VersionsReply {
            result: match versions {
                Some(_) => GetResult::Success,
                None => GetResult::NotFound,
            },
            message: String::new(),
            versions: versions.unwrap_or_default(),
        })
    }

    fn deploy(&mut self, name: &str, version: Option<String>) -> Vec<u8> {
        let application = self.applications.get_mut(name);
        let version = match &application {
            None => None,
            Some(application) => version.or_else(|| {
                application
                    .versions
                    .last()
                    .map(|(version, _)| version.clone())
            }),
        };
        if let Some(application) = application {
            application.deployed.clone_from(&version);
        }
        json::encode(&DeployReply {
            result: match version {
                Some(_) => DeployResult::Acknowledged,
                None => DeployResult::NotFound,
            },
            message: String::new(),
            name: name.to_owned(),
            version,
            weft_problems: Vec::new(),
        })
    }

    fn undeploy(&mut self, name: &str) -> Vec<u8> {
        let application = self.applications.get_mut(name);
        let is_known = application.is_some();
        if let Some(application) = application {
            application.deployed = None;
            application.status = Status::default();
        }
        json::encode(&DeployReply {
            result: if is_known {
                DeployResult::Acknowledged
            } else {
                DeployResult::NotFound
            },
            message: String::new(),
            name: name.to_owned(),
            version: None,
            weft_problems: Vec::new(),
        })
    }

    fn delete(&mut self, name: &str, version: Option<String>) -> Vec<u8> {
        let reply = |result, undeploy| {
            json::encode(&DeleteReply {
                result,
                message: String::new(),
                undeploy,
            })
        };
        let Some(application) = self.applications.get_mut(name) else {
            return reply(DeleteResult::Noop, false);
        };
        let is_deployed = application.deployed.is_some()
            && (version.is_none() || version == application.deployed);
        match version {
            Some(version) => application.versions.retain(|(known, _)| *known != version),
            None => application.versions.clear(),
        }
        if application.versions.is_empty() {
            self.applications.remove(name);
        }
        reply(DeleteResult::Deleted, is_deployed)
    }

    fn status(&mut self, name: &str) -> Vec<u8> {
        let application = self.applications.get_mut(name);
        let status = application.map(|application| {
            if application.deployed.is_some() {
                if let Some(next) = self.script.front() {
                    application.status = next.clone();
                }
                if self.script.len() > 1 {
                    self.script.pop_front();
                }
            }
            application.status.clone()
        });
        json::encode(&StatusReply {
            result: match status {
                Some(_) => StatusResult::Ok,
                None => StatusResult::NotFound,
            },
            message: String::new(),
            status,
        })
    }
}

/// A status about a version, with the status of a part `web`.
pub(crate) fn status(version: &str, kind: StatusType, message: &str) -> Status {
    let info = StatusInfo {
        kind,
        message: message.to_owned(),
    };
    Status {
        info: info.clone(),
        scalers: vec![ScalerStatus {
            id: "1".to_owned(),
            kind: "SpreadScaler".to_owned(),
            name: "web".to_owned(),
            info,
        }],
        version: version.to_owned(),
        ..Status::default()
    }
}

/// A status that failed with this problem.
pub(crate) fn failed(version: &str, problem: ProblemEntry) -> Status {
    Status {
        weft_problems: vec![problem],
        ..status(version, StatusType::Failed, "it cannot run")
    }
}
