//! What the service refuses, and which message it means.

use secondme_avatar_protocol::{ErrorKind, Step, limits};

use super::live;
use crate::helpers::assert_unsent;

#[test]
fn a_code_that_says_what_is_refused_leaves_no_message_in_doubt_whatever_its_status() {
    for status in [408, 500, 503] {
        for code in ["apikey.rate.limited", "session.message.exceedQPSLimit"] {
            let (mut peer, _) = live();
            let send = peer.send("Hello");
            peer.refuse(Step::SendMessage, status, code);
            assert!(peer.is_waiting(send));
            peer.pass(limits::RATE_LIMIT_WAIT * 2);
            peer.take(Step::SendMessage);
        }
        for code in ["apikey.auth.invalid", "oauth2.scope.missing", "open.api.avatar.not.found"] {
            let (mut peer, _) = live();
            let send = peer.send("Hello");
            peer.refuse(Step::SendMessage, status, code);
            assert_unsent(&peer, send, "Hello", true);
            assert_ne!(peer.error(send).kind(), ErrorKind::Unavailable, "{code}");
        }
        let (mut peer, _) = live();
        let send = peer.send("Hello");
        peer.refuse(Step::SendMessage, status, "service.status.unavailable");
        peer.pass(limits::CONFIRMATION_WAIT);
        assert_unsent(&peer, send, "Hello", false);
    }
}
