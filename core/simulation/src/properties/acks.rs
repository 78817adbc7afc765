//! Acknowledgements.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Property, Verdict};
use crate::client::ClientId;
use crate::sight::{Sight, plain};
use crate::world::World;

/// An acknowledgement names a frame that came: else the service would send that frame again for ever.
///
/// No weaker form.
#[derive(Debug, Default)]
pub(super) struct Acks {
    came: BTreeSet<(ClientId, String)>,
}

impl Property for Acks {
    fn name(&self) -> &'static str {
        "an acknowledgement names a frame that came"
    }

    fn see(&mut self, _: &World, sight: &Sight) -> Verdict {
        match sight {
            Sight::Came(client, _, frame) => {
                self.came.extend(plain(&frame["seqId"]).map(|seq| (*client, seq)));
            }
            Sight::Sent(client, _, text) if text.contains("\"ack\"") => {
                let ack: Value = serde_json::from_str(text).unwrap_or_default();
                let seq = plain(&ack["seqId"]).unwrap_or_default();
                if !self.came.contains(&(*client, seq.clone())) {
                    return Err(format!("{client:?} acknowledges {seq:?}, which never came"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
