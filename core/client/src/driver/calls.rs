//! The calls under way, and the tickets for the key's quota that they wait for.

use std::collections::HashMap;
use std::sync::Arc;

use secondme_avatar_protocol::{CallId, HttpRequest, Input, Millis, VisitorId};
use tokio_util::task::JoinMap;

use crate::env::Env;
use crate::quota::{Permit, Turn};

#[derive(Default)]
pub(super) struct Calls {
    running: JoinMap<CallId, Done>,
    /// Permits of the quota, from when they are asked for until their call is back.
    permits: HashMap<CallId, Permit>,
}

/// What a spawned task has done.
enum Done {
    Call(Input),
    /// The call was not made: another process has the visitor.
    Elsewhere,
    Waited(Permit, Turn),
}

/// What has come of a call.
pub(super) enum Back {
    Nothing,
    Input(Input),
    /// It was not made: another process has the visitor.
    Elsewhere,
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Makes the call. `unless_elsewhere`: only if no other process has opened the visitor, since the one who
    /// opened it last has it, and to connect again would be to take the socket away from it.
    pub(super) fn start(
        &mut self,
        env: &Arc<Env>,
        visitor: VisitorId,
        request: HttpRequest,
        unless_elsewhere: bool,
    ) {
        if let Some(permit) = self.permits.get_mut(&request.call) {
            permit.used();
        }
        let (env, call) = (Arc::clone(env), request.call);
        let runtime = env.runtime.clone();
        let make = async move {
            if unless_elsewhere
                && let Some(store_writer) = &env.store_writer
                && store_writer.is_elsewhere(visitor.clone()).await
            {
                return Done::Elsewhere;
            }
            let watched = env.on_call.begin(&visitor, request.step);
            let http = env.http.clone();
            Done::Call(http.call(request, watched).await)
        };
        self.running.spawn_on(call, make, &runtime);
    }

    /// The call's answer is not wanted any more.
    pub(super) fn abandon(&mut self, call: CallId) {
        self.running.abort(&call);
        self.permits.remove(&call);
    }

    /// Joins the key's quota for this call, with a permit that was reserved if there is one.
    pub(super) fn ask_quota(&mut self, env: &Env, reserved: Option<Permit>, call: CallId) -> Option<Input> {
        let mut permit = reserved.unwrap_or_else(|| env.quota.join());
        if permit.try_acquire() {
            self.permits.insert(call, permit);
            return Some(Input::QuotaGranted(call));
        }
        let expected = permit.expected_at();
        self.wait_for_quota(env, call, permit, expected);
        expected.map(|until| Input::QuotaDelayed { call, until })
    }

    /// Waits for the next that is back. It loses nothing when it is dropped.
    pub(super) async fn next(&mut self, env: &Env) -> Back {
        let Some((call, result)) = self.running.join_next().await else {
            return Back::Nothing;
        };
        if let Some(permit) = self.permits.remove(&call).filter(|_| result.is_ok()) {
            permit.finish();
        }
        match result {
            Ok(Done::Call(input)) => Back::Input(input),
            Ok(Done::Elsewhere) => Back::Elsewhere,
            Ok(Done::Waited(permit, Turn::Come)) => {
                self.permits.insert(call, permit);
                Back::Input(Input::QuotaGranted(call))
            }
            Ok(Done::Waited(permit, Turn::Expected(until))) => {
                self.wait_for_quota(env, call, permit, Some(until));
                Back::Input(Input::QuotaDelayed { call, until })
            }
            // Abandoned, or the runtime is going down.
            Err(_) => Back::Nothing,
        }
    }

    fn wait_for_quota(&mut self, env: &Env, call: CallId, mut permit: Permit, told: Option<Millis>) {
        let wait = async move {
            let turn = permit.acquire(told).await;
            Done::Waited(permit, turn)
        };
        self.running.spawn_on(call, wait, &env.runtime);
    }
}
