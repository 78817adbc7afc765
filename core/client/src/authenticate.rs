//! One authentication, without a conversation.

use std::future::poll_fn;
use std::time::Duration;

use secondme_avatar_protocol::{
    Command, ConversationKey, Error, Event, EventKind, Identity, Input, Output, Step, Visitor,
};

use crate::client_inner::{ClientInner, random_seed};
use crate::driver::{Back, Calls};
use crate::errors::ended;

/// Learns who a visitor is to the service, from the service or from the caller's provider: with the quota, the retries
/// and the errors of an opening. Its machine is dropped before it goes on.
///
/// `on_wait` is given each event that tells of a wait for the quota.
pub(crate) async fn authenticate(
    client: &ClientInner,
    visitor: Visitor,
    deadline: Duration,
    on_wait: impl Fn(Event),
) -> Result<Identity, Error> {
    let env = &client.env;
    let id = visitor.id().clone();
    let mut machine = client.lock().machine(env, visitor, None, random_seed()?);
    let open = Command::Open { conversation: ConversationKey::FIRST, deadline };
    let ticket = machine.command(env.clock.now(), open)?;
    let mut calls = Calls::default();
    loop {
        let key_replaced = client.key_replaced.notified();
        tokio::pin!(key_replaced);
        // From here on no replacement is missed, even before the await.
        key_replaced.as_mut().enable();
        if let Ok(key) = client.key() {
            machine.set_key(env.clock.now(), key);
        }
        while let Some(output) = machine.poll() {
            match output {
                Output::Quota(call) => {
                    if let Some(input) = calls.ask_quota(env, None, call) {
                        machine.handle(env.clock.now(), input);
                    }
                }
                Output::QuotaUsedUp(until) => env.quota.hold_until(until),
                Output::Http(request) if request.step == Step::Authenticate => {
                    client.lock().authenticated();
                    calls.start(env, id.clone(), request, false);
                }
                Output::Credentials { call, refused } => {
                    calls.get_credentials(env, id.clone(), call, refused);
                }
                Output::Abandon(call) => calls.abandon(call),
                Output::SaveRecord => {
                    if let Some(identity) = machine.record().credentials {
                        return Ok(identity);
                    }
                }
                Output::Resolved(answered, Err(error)) if answered == ticket => return Err(error),
                Output::Event(event) if matches!(event.kind, EventKind::WaitingForQuota { .. }) => {
                    on_wait(event);
                }
                _ => {}
            }
        }
        let Some(next) = machine.next_deadline() else { return Err(ended()) };
        let input = tokio::select! {
            biased;
            () = key_replaced => Input::Tick,
            back = poll_fn(|cx| calls.poll_next(env, cx)), if !calls.is_empty() => match back {
                Back::Input(input) => input,
                Back::Elsewhere | Back::Nothing => Input::Tick,
            },
            () = env.clock.at(next) => Input::Tick,
        };
        machine.handle(env.clock.now(), input);
    }
}
