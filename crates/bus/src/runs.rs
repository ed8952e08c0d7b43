//! The runs that this cluster knows.

use crate::{Bus, BusError, document, names, read_document};
use async_nats::jetstream::kv::{CreateErrorKind, Store};
use futures::TryStreamExt;
use prost::Message;
use wayfarer_core::RunId;
use wayfarer_core::run::RunSpec;
use wayfarer_proto::v1::Run;

impl Bus {
    /// Keeps a run, unless it is known already: then it stays as it is. Returns whether it existed.
    pub async fn put_run(&self, spec: &RunSpec) -> Result<bool, BusError> {
        let run = Run { spec: Some(document(spec)?) };
        match self.bucket().await?.create(spec.run.as_str(), run.encode_to_vec().into()).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(true),
            Err(error) => Err(BusError::nats(format!("keeping run {}", spec.run))(error)),
        }
    }

    /// A run, if it is known.
    pub async fn get_run(&self, run: &RunId) -> Result<Option<RunSpec>, BusError> {
        let kept = self.bucket().await?.get(run.as_str()).await.map_err(BusError::nats(format!("reading run {run}")))?;
        kept.map(|bytes| read_run(run.as_str(), &bytes)).transpose()
    }

    /// All runs, oldest first.
    pub async fn list_runs(&self) -> Result<Vec<RunSpec>, BusError> {
        let what = "listing the runs";
        let bucket = self.bucket().await?;
        let names: Vec<String> = bucket.keys().await.map_err(BusError::nats(what))?.try_collect().await.map_err(BusError::nats(what))?;
        let mut runs = Vec::new();
        for name in names {
            if let Some(bytes) = bucket.get(name.as_str()).await.map_err(BusError::nats(what))? {
                runs.push(read_run(&name, &bytes)?);
            }
        }
        runs.sort_by(|a, b| (a.created_unix_ms, &a.run).cmp(&(b.created_unix_ms, &b.run)));
        Ok(runs)
    }

    async fn bucket(&self) -> Result<Store, BusError> {
        self.jetstream.get_key_value(names::RUNS_BUCKET).await.map_err(BusError::nats("opening the bucket of runs"))
    }
}

fn read_run(name: &str, bytes: &[u8]) -> Result<RunSpec, BusError> {
    let malformed = |why: String| BusError::Malformed { what: format!("run {name}"), why };
    let run = Run::decode(bytes).map_err(|error| malformed(error.to_string()))?;
    let spec = run.spec.ok_or_else(|| malformed("it is empty".into()))?;
    Ok(read_document(&spec)?)
}
