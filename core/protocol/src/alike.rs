//! What is the same for all visitors of an avatar: each machine learns it anew, and a host of thousands keeps it once.

use std::sync::Arc;

use crate::facts::{ChatContext, Identity, VisitorChatFacts};
use crate::ids::{EncodedMindId, ShareCode, UserId};
use crate::redact::Text;

/// What machines of one avatar have in common, as the latest of them knows it. See
/// [`Machine::give_back`](crate::Machine::give_back).
#[derive(Debug, Default)]
pub struct Alike {
    share_code: Option<ShareCode>,
    owner: Option<UserId>,
    mind_id: Option<EncodedMindId>,
    avatar_name: Option<Arc<str>>,
    opening: Option<Arc<Text>>,
}

impl Alike {
    pub(crate) fn share_identity(&mut self, identity: &mut Identity) {
        share(&mut self.share_code, &mut identity.share_code);
        share(&mut self.owner, &mut identity.owner_user_id);
        share(&mut self.avatar_name, &mut identity.avatar_name);
    }

    pub(crate) fn share_context(&mut self, context: &mut ChatContext) {
        share(&mut self.mind_id, &mut context.mind_id);
        share(&mut self.opening, &mut context.opening);
    }

    pub(crate) fn share_visitor_chat(&mut self, facts: &mut VisitorChatFacts) {
        share(&mut self.avatar_name, &mut facts.avatar_name);
        share(&mut self.opening, &mut facts.opening);
    }
}

/// Lets `own` be the value that is known already, if it is the same; otherwise `own` is known from now on.
fn share<T: Clone + PartialEq>(known: &mut Option<T>, own: &mut T) {
    match known {
        Some(known) if known == own => own.clone_from(known),
        Some(_) | None => *known = Some(own.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_kept_once_and_what_differs_stays() {
        let text = |text: &str| -> Arc<str> { text.into() };
        let (mut one, mut same, mut other) = (text("Ada"), text("Ada"), text("Bo"));
        let mut known = None;
        share(&mut known, &mut one);
        share(&mut known, &mut same);
        assert!(Arc::ptr_eq(&one, &same));
        share(&mut known, &mut other);
        assert_eq!((&*one, &*other), ("Ada", "Bo"));
    }
}
