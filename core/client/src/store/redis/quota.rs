//! A key's quota, which all processes with the same prefix share: one script, by the time of Redis.

use std::sync::Mutex;
use std::time::Duration;

use redis::{Connection, RedisError, Script};

use super::errors::{Operation, redis_error, strange};
use super::session::{Session, millis, random};
use crate::peers::{Heard, QuotaAnswer, QuotaReport};
use crate::store::KeyRef;
use crate::store::error::StoreError;

/// What the reports need.
pub(super) struct QuotaLink {
    connection: Mutex<Option<Connection>>,
    script: Script,
}

impl QuotaLink {
    pub(super) fn new(script: &str) -> Self {
        Self { connection: Mutex::default(), script: Script::new(script) }
    }

    pub(super) fn exchange(
        &self,
        session: &Session,
        key: &KeyRef,
        report: &QuotaReport,
    ) -> Result<QuotaAnswer, StoreError> {
        let failed = |error: RedisError| redis_error(session.address(), Operation::Save, error);
        // Where Redis has no data of this key, these are new ones.
        let fresh = random().map_err(failed)?;
        let key = key.to_string();
        let exchange = |session: &Session, connection: &mut Connection| {
            let mut invocation = session.invocation(&self.script, &report.process);
            invocation.arg(&key).arg(report.limit);
            let times = report.times;
            for time in [times.window, times.place, times.absent, times.alone, times.waiting] {
                invocation.arg(millis(time));
            }
            invocation.arg(report.turn).arg(report.wanted).arg(report.first).arg(report.share);
            let heard = report.heard.as_ref();
            invocation.arg(heard.map_or("", |heard| &heard.data)).arg(heard.map_or(0, |heard| heard.at));
            invocation.arg(millis(report.refused_for)).arg(u8::from(report.leaves)).arg(&fresh);
            for (number, counts_for) in &report.places {
                invocation.arg(number).arg(millis(*counts_for));
            }
            let answer: Vec<String> = invocation.invoke(connection)?;
            Ok((answer, session.replicas_with_all(connection)?))
        };
        let (answer, replicas) = session.apart(&self.connection, exchange).map_err(failed)?;
        session.check_replicas(replicas)?;
        read(&answer).ok_or_else(|| strange(session.address()))
    }
}

fn read(answer: &[String]) -> Option<QuotaAnswer> {
    let (data, numbers) = answer.split_first()?;
    let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>().ok()?;
    let [at, granted, share, processes, refused_for, is_all, waits @ ..] = numbers.as_slice() else {
        return None;
    };
    Some(QuotaAnswer {
        heard: Heard { data: data.clone(), at: *at },
        granted: usize::try_from(*granted).ok()?,
        share: usize::try_from(*share).ok()?,
        processes: usize::try_from(*processes).ok()?,
        refused_for: Duration::from_millis(*refused_for),
        waits: waits.iter().map(|wait| Duration::from_millis(*wait)).collect(),
        is_all: *is_all == 1,
    })
}
