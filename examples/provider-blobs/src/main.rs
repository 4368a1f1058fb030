//! A blob store in memory. A link's config may bound its objects: `bytes-max`, 64 MiB by default.

use std::sync::{Arc, Mutex, PoisonError};
use std::{collections::BTreeMap, ops::Range, process::ExitCode};

use bytes::Bytes;
use weft_provider::blobstore::{self, Body, ContainerInfo, Names, ObjectId, ObjectInfo, Store};
use weft_provider::{Call, Exports, Provider};

type Result<T> = std::result::Result<T, String>;
type Objects = BTreeMap<String, Bytes>;

#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, Objects>>);

impl Memory {
    fn all<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Objects>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Objects) -> T) -> Result<T> {
        self.all(|all| {
            all.get_mut(name)
                .map(work)
                .ok_or_else(|| format!("no container `{name}`"))
        })
    }
    fn get(&self, id: &ObjectId) -> Result<Bytes> {
        let found = self.with(&id.container, |all| all.get(&id.object).cloned())?;
        found.ok_or_else(|| format!("no object `{}`", id.object))
    }
}

fn within(range: Range<u64>, length: usize) -> Range<usize> {
    let at = |place| usize::try_from(place).map_or(length, |place| place.min(length));
    at(range.start)..at(range.end).max(at(range.start))
}

impl Store for Memory {
    async fn create_container(&self, _: &Call, name: String) -> Result<()> {
        self.all(|all| _ = all.entry(name).or_default());
        Ok(())
    }
    async fn delete_container(&self, _: &Call, name: String) -> Result<()> {
        self.all(|all| all.remove(&name));
        Ok(())
    }
    async fn container_info(&self, _: &Call, name: String) -> Result<ContainerInfo> {
        self.with(&name, |_| ContainerInfo { created_at: 0 })
    }
    async fn list_objects(&self, _: &Call, name: String, range: Range<u64>) -> Result<Names> {
        let names: Vec<String> = self.with(&name, |all| all.keys().cloned().collect())?;
        Ok(names[within(range, names.len())].to_vec().into())
    }
    async fn object_info(&self, _: &Call, id: ObjectId) -> Result<ObjectInfo> {
        let (created_at, size) = (0, self.get(&id)?.len() as u64);
        Ok(ObjectInfo { created_at, size })
    }
    async fn read_object(&self, _: &Call, id: ObjectId, range: Range<u64>) -> Result<Body> {
        let bytes = self.get(&id)?;
        Ok(bytes.slice(within(range, bytes.len())).into())
    }
    async fn write_object(&self, call: &Call, id: ObjectId, data: Body) -> Result<()> {
        let max = call.link_config("bytes-max").unwrap_or("67108864");
        let bytes = data.collect(max.parse().unwrap_or(0)).await?;
        self.with(&id.container, |all| drop(all.insert(id.object, bytes)))
    }
    async fn delete_object(&self, _: &Call, id: ObjectId) -> Result<()> {
        self.with(&id.container, |all| drop(all.remove(&id.object)))
    }
}

impl Provider for Memory {
    fn exports(self: Arc<Self>) -> Exports {
        blobstore::exports(self)
    }
}

fn main() -> ExitCode {
    weft_provider::main(Memory::default())
}
