//! The running calls, and the quota permits that they wait for.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use secondme_avatar_protocol::{CallId, HttpRequest, Input, Millis, Secret, VisitorId};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tokio_util::task::JoinMap;

use crate::env::Env;
use crate::quota::{QuotaPermit, QuotaWait};
use crate::runtime::Work;

/// The calls of one visitor. An idle visitor has none, and holds no room for any.
#[derive(Default)]
pub(crate) struct Calls(Option<Box<Running>>);

#[derive(Default)]
struct Running {
    tasks: JoinMap<CallId, Done>,
    /// Quota permits, from the request until the call is back.
    permits: HashMap<CallId, QuotaPermit>,
    /// What only waits for the quota.
    waits: HashSet<CallId>,
}

/// The result of a task.
enum Done {
    Call(Input),
    /// The call was not made: another process has the visitor.
    Elsewhere,
    Waited(QuotaPermit, QuotaWait),
}

/// The result of a call.
pub(crate) enum Back {
    Nothing,
    Input(Input),
    /// It was not made: another process has the visitor.
    Elsewhere,
}

impl Calls {
    /// Whether no call is under way, and none holds a permit.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether an answer is to come.
    pub(crate) fn are_under_way(&self) -> bool {
        self.0.as_ref().is_some_and(|running| running.tasks.len() > running.waits.len())
    }

    /// Makes the call. `unless_elsewhere`: only if no other process has opened the visitor since. The process
    /// that opened the visitor last has it, and connecting here would take its socket.
    pub(crate) fn start(
        &mut self,
        env: &Arc<Env>,
        visitor: VisitorId,
        request: HttpRequest,
        unless_elsewhere: bool,
    ) {
        if let Some(permit) = self.running().permits.get_mut(&request.call) {
            permit.used();
        }
        let (env, call) = (Arc::clone(env), request.call);
        let runtime = env.runtime.clone();
        let make = async move {
            if unless_elsewhere
                && let Some(store_writer) = &env.store_writer
                && store_writer.is_elsewhere(visitor.clone(), env.router.as_ref()).await
            {
                return Done::Elsewhere;
            }
            let watched = env.on_call.begin(&visitor, request.step);
            let http = env.http.clone();
            Done::Call(http.call(request, watched).await)
        };
        self.spawn(call, make, &runtime);
    }

    /// Drops the call: its answer is no longer wanted.
    pub(crate) fn abandon(&mut self, call: CallId) {
        if let Some(running) = &mut self.0 {
            running.tasks.abort(&call);
            running.permits.remove(&call);
        }
        self.tidy();
    }

    /// Gets a token of Visitor Chat.
    pub(crate) fn get_token(
        &mut self,
        env: &Arc<Env>,
        visitor: VisitorId,
        call: CallId,
        refused: Option<Secret>,
    ) {
        let env = Arc::clone(env);
        let runtime = env.runtime.clone();
        let get = async move { Done::Call(env.tokens.get(&env, visitor, call, refused).await) };
        self.spawn(call, get, &runtime);
    }

    /// Gets a visitor's credentials, where the client has no key.
    pub(crate) fn get_credentials(
        &mut self,
        env: &Arc<Env>,
        visitor: VisitorId,
        call: CallId,
        refused: bool,
    ) {
        let env = Arc::clone(env);
        let runtime = env.runtime.clone();
        let get = async move { Done::Call(env.tokens.credentials(&env, visitor, call, refused).await) };
        self.spawn(call, get, &runtime);
    }

    /// Asks for the quota for this call, with a reserved permit if there is one.
    pub(crate) fn ask_quota(
        &mut self,
        env: &Env,
        reserved: Option<QuotaPermit>,
        call: CallId,
    ) -> Option<Input> {
        let mut permit = reserved.unwrap_or_else(|| env.quota.join());
        if permit.try_acquire() {
            self.running().permits.insert(call, permit);
            return Some(Input::QuotaGranted(call));
        }
        let expected = permit.expected_at();
        self.wait_for_quota(env, call, permit, expected);
        expected.map(|until| Input::QuotaDelayed { call, until })
    }

    /// Waits for the next result.
    pub(crate) fn poll_next(&mut self, env: &Env, cx: &mut Context<'_>) -> Poll<Back> {
        let Some(running) = self.0.as_mut().filter(|running| !running.tasks.is_empty()) else {
            return Poll::Pending;
        };
        // Dropping the future loses neither a result nor the wake-up, which the tasks keep.
        let Some((call, result)) = ready!(pin!(running.tasks.join_next()).poll(cx)) else {
            return Poll::Ready(Back::Nothing);
        };
        running.waits.remove(&call);
        if let Some(permit) = running.permits.remove(&call).filter(|_| result.is_ok()) {
            permit.finish();
        }
        let back = self.back(env, call, result);
        self.tidy();
        Poll::Ready(back)
    }

    fn back(&mut self, env: &Env, call: CallId, result: Result<Done, JoinError>) -> Back {
        match result {
            Ok(Done::Call(input)) => Back::Input(input),
            Ok(Done::Elsewhere) => Back::Elsewhere,
            Ok(Done::Waited(permit, QuotaWait::Granted)) => {
                self.running().permits.insert(call, permit);
                Back::Input(Input::QuotaGranted(call))
            }
            Ok(Done::Waited(permit, QuotaWait::Expected(until))) => {
                self.wait_for_quota(env, call, permit, Some(until));
                Back::Input(Input::QuotaDelayed { call, until })
            }
            // The call was abandoned, or the runtime is shutting down.
            Err(_) => Back::Nothing,
        }
    }

    fn wait_for_quota(&mut self, env: &Env, call: CallId, mut permit: QuotaPermit, told: Option<Millis>) {
        let wait = async move {
            let turn = permit.acquire(told).await;
            Done::Waited(permit, turn)
        };
        self.spawn(call, wait, &env.runtime);
        self.running().waits.insert(call);
    }

    fn spawn(&mut self, call: CallId, work: impl Future<Output = Done> + Send + 'static, runtime: &Handle) {
        let work: Work<Done> = Box::pin(work);
        self.running().tasks.spawn_on(call, work, runtime);
    }

    fn running(&mut self) -> &mut Running {
        self.0.get_or_insert_default()
    }

    /// Gives back the room of calls that are over.
    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|running| running.tasks.is_empty() && running.permits.is_empty()) {
            self.0 = None;
        }
    }
}
