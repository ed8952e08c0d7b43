//! How browser farms stand: news that nobody waits for. A word that is lost is followed by the next.

use crate::{Bus, BusError, names};
use futures::{Stream, StreamExt};
use prost::Message;
use wayfarer_proto::v1::FarmStanding;

impl Bus {
    /// Tells all who place sessions how a farm stands.
    pub async fn tell_standing(&self, standing: &FarmStanding) -> Result<(), BusError> {
        let sent = self.client.publish(names::FARM_STANDING, standing.encode_to_vec().into()).await;
        sent.map_err(BusError::nats("telling how a farm stands"))
    }

    /// What the farms tell from now on; ends with the connection. What cannot be read is passed over.
    pub async fn farm_standings(&self) -> Result<impl Stream<Item = FarmStanding> + Send + use<>, BusError> {
        let listening = "listening to how farms stand";
        let news = self.client.subscribe(names::FARM_STANDING).await.map_err(BusError::nats(listening))?;
        // heard from the moment this returns
        self.client.flush().await.map_err(BusError::nats(listening))?;
        Ok(news.filter_map(|message| async move {
            let read = FarmStanding::decode(message.payload);
            read.inspect_err(|error| tracing::warn!(%error, "how a farm stands cannot be read")).ok()
        }))
    }
}
