//! One authentication, without a conversation.

use std::sync::Arc;
use std::time::Duration;

use secondme_avatar_protocol::{
    Command, ConversationKey, Error, EventKind, Identity, Input, Machine, Output, Step,
};

use crate::driver::{Back, Calls};
use crate::env::Env;
use crate::errors::ended;

/// Learns who a visitor is to the service, from the service or from the caller's provider: with the quota, the retries
/// and the errors of an opening. The machine is dropped before it goes on.
///
/// `authentications` counts the calls.
pub(crate) async fn authenticate(
    env: &Arc<Env>,
    mut machine: Machine,
    deadline: Duration,
    authentications: &mut u64,
) -> Result<Identity, Error> {
    let visitor = machine.visitor().id().clone();
    let open = Command::Open { conversation: ConversationKey::FIRST, deadline };
    let ticket = machine.command(env.clock.now(), open)?;
    let mut calls = Calls::default();
    loop {
        while let Some(output) = machine.poll() {
            *authentications = machine.counters().authentications;
            match output {
                Output::Quota(call) => {
                    if let Some(input) = calls.ask_quota(env, None, call) {
                        machine.handle(env.clock.now(), input);
                    }
                }
                Output::QuotaUsedUp(until) => env.quota.hold_until(until),
                Output::Http(request) if request.step == Step::Authenticate => {
                    calls.start(env, visitor.clone(), request, false);
                }
                Output::Credentials { call, refused } => {
                    calls.get_credentials(env, visitor.clone(), call, refused);
                }
                Output::Abandon(call) => calls.abandon(call),
                Output::SaveRecord => {
                    if let Some(credentials) = machine.record().credentials {
                        return Ok(credentials);
                    }
                }
                Output::Resolved(answered, Err(error)) if answered == ticket => return Err(error),
                Output::Event(event) if matches!(event.kind, EventKind::WaitingForQuota { .. }) => {
                    env.subscriptions.publish(&[], &mut vec![event]);
                }
                _ => {}
            }
        }
        let Some(next) = machine.next_deadline() else { return Err(ended()) };
        let input = tokio::select! {
            biased;
            back = calls.next(env), if !calls.is_empty() => match back {
                Back::Input(input) => input,
                Back::Elsewhere | Back::Nothing => Input::Tick,
            },
            () = env.clock.at(next) => Input::Tick,
        };
        machine.handle(env.clock.now(), input);
    }
}
