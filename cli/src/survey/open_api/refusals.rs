//! What a refused call looks like, and whether calls beyond the page are there.

use serde_json::{Value, json};

use super::State;
use crate::survey::walk::Walk;
use crate::survey::wire::{Answer, Call, Refusal, Trouble};

/// Well formed, and of no avatar.
const UNKNOWN_SHARE_CODE: &str = "0000000000ff";

impl Walk<'_> {
    pub(super) async fn ask_refusals(&mut self, state: &mut State) -> Result<(), Trouble> {
        let mut refusals = Vec::new();
        for call in [
            Call::get(format!("/rest/os/avatar/public/{UNKNOWN_SHARE_CODE}")),
            Call::post("/rest/os/avatar/chat/init", json!({"shareCode": UNKNOWN_SHARE_CODE})),
        ] {
            let answer = state.visit.call(self.wire, call).await?;
            refusals.extend(answer.data().err());
        }
        self.note_refusals(&refusals);
        self.ask_dead_token(state).await
    }

    fn note_refusals(&mut self, refusals: &[Refusal]) {
        let coded: Vec<_> = refusals.iter().filter(|refusal| refusal.code.is_some()).collect();
        let Some(first) = coded.first() else {
            let why = match refusals.first() {
                Some(refusal) => format!("An unknown share code got {}.", refusal.shown()),
                None => "An unknown share code was not refused.".to_owned(),
            };
            self.findings.not_seen("failure-shape", &why);
            return self.findings.not_seen("failure-status", why);
        };
        let seen = format!(
            "An unknown share code got {}, in the field `{}`.",
            first.shown(),
            first.field.unwrap_or_default()
        );
        if coded.iter().any(|other| other.field != first.field) {
            self.findings.not_seen(
                "failure-shape",
                "Two calls that were refused had their codes in different fields.",
            );
        } else {
            match shape_of(first.field) {
                Some(shape) => self.findings.answer("failure-shape", shape, &seen),
                None => {
                    self.findings.not_seen("failure-shape", format!("{seen} No known answer is like that."))
                }
            }
        }
        let ok = |refusal: &&Refusal| refusal.status == 200;
        match (coded.iter().copied().all(|one| ok(&one)), coded.iter().copied().any(|one| ok(&one))) {
            (true, _) => self.findings.answer("failure-status", "200", seen),
            (false, false) => self.findings.answer("failure-status", "fitting", seen),
            (false, true) => {
                self.findings.not_seen("failure-status", "Of two calls that were refused one had HTTP 200.")
            }
        }
    }

    async fn ask_dead_token(&mut self, state: &mut State) -> Result<(), Trouble> {
        let answer = state.visit.call_with_dead_token(self.wire, state.visit.public()).await?;
        let Err(refusal) = answer.data() else {
            self.findings
                .not_seen("dead-token", "A call with a token that was never given out was not refused.");
            return Ok(());
        };
        let seen = format!("A call with a token that was never given out got {}.", refusal.shown());
        match refusal.status {
            401 => self.findings.answer("dead-token", "401", seen),
            200 => self.findings.answer("dead-token", "code", seen),
            _ => self.findings.not_seen("dead-token", format!("{seen} No known answer is like that.")),
        }
        state.visit.dead_code = refusal.code;
        Ok(())
    }

    pub(super) async fn ask_history(&mut self, state: &mut State) -> Result<(), Trouble> {
        let mut kinds = Vec::new();
        for path in ["query?direction=backward&", "latest?"] {
            let answer = state.visit.call(self.wire, state.visit.history(path)).await?;
            kinds.push(history_kind(&answer));
        }
        match kinds.as_slice() {
            [(one, seen), (other, _)] if one == other => self.findings.answer("history-calls", *one, seen),
            [(one, _), (other, _)] => {
                let why = format!(
                    "`message/query` is `{one}`, and `message/latest` is `{other}`. No known answer is like that."
                );
                self.findings.not_seen("history-calls", why);
            }
            _ => {}
        }
        Ok(())
    }
}

fn shape_of(field: Option<&str>) -> Option<&'static str> {
    match field? {
        "code" => Some("code"),
        "subCode" => Some("sub-code"),
        "message" => Some("message"),
        "msg" => Some("msg"),
        "error_code" => Some("error-code"),
        "detail" => Some("detail"),
        _ => None,
    }
}

fn history_kind(answer: &Answer) -> (&'static str, String) {
    match answer.data() {
        Ok(Value::Array(_) | Value::Object(_)) => {
            ("there", "`message/query` and `message/latest` were answered.".to_owned())
        }
        Ok(_) => {
            ("there", "`message/query` and `message/latest` were answered, with nothing in it.".to_owned())
        }
        Err(refusal) if refusal.status == 404 => {
            ("404", format!("`message/query` and `message/latest` got {}.", refusal.shown()))
        }
        Err(refusal) => ("failure", format!("`message/query` and `message/latest` got {}.", refusal.shown())),
    }
}
