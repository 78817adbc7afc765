//! What can go wrong and where, as the console offers it.

use serde_json::{Map, Value, json};

use super::{Effect, InjectionPoint};
use crate::time::Millis;

/// An example of every effect, and what it does.
fn effects() -> Vec<(Effect, &'static str)> {
    let fields = Map::from_iter([("type".to_owned(), json!("hint"))]);
    let status = Effect::Status { status: 503, retry_after: Some(2), body: Some("down".to_owned()) };
    let (code, reason) = ("session.openai.error".to_owned(), "The model is down".to_owned());
    vec![
        (Effect::Refuse, "The connection is reset; the request has no effect."),
        (Effect::CutBefore, "The connection ends without an answer; the request has no effect."),
        (Effect::CutAfter, "The service acts, and the connection ends without an answer."),
        (Effect::HangBefore, "No answer ever comes; the request has no effect."),
        (Effect::HangAfter, "The service acts, and no answer ever comes."),
        (Effect::Delay(Millis::seconds(2)), "The answer, the frame or the reply comes so much later."),
        (status, "Answered with this status, without effect."),
        (
            Effect::Fail { code, reason, actions: Vec::new() },
            "A failure with this code: as an answer, or over the socket in place of a reply.",
        ),
        (Effect::Malformed, "JSON that breaks off: as an answer after the service acted, or as a frame."),
        (Effect::Empty, "Status 200 and nothing, after the service acted."),
        (Effect::ExpiredToken, "The caller's token dies; then the call is judged."),
        (Effect::ExpiredContext, "The caller's chat context dies; then the call is judged."),
        (Effect::ExpiredAddress, "The socket's address dies; then the handshake is judged."),
        (Effect::Quota, "Answered as over the quota."),
        (Effect::Drop, "The frame, or the reply, never comes."),
        (Effect::Duplicate, "The frame comes twice."),
        (Effect::Reorder, "The frame comes after the next one, or a second later."),
        (Effect::Replace(fields.clone()), "Another frame comes in its place."),
        (Effect::Merge(fields), "Fields of the frame are overwritten; `null` takes one away."),
        (Effect::HalfOpen, "From this frame on nothing passes either way, and neither side is told."),
        (Effect::Cut, "The socket is cut, and the frame is lost."),
        (
            Effect::Close { code: 1_012, reason: "restart".to_owned() },
            "The socket is closed with this code, and the frame is lost.",
        ),
    ]
}

/// The injection points, each with what can be done there, and all effects.
pub(crate) fn faults_there_are() -> (Value, Value) {
    let effects = effects();
    let points = InjectionPoint::ANSWERS.iter().zip(InjectionPoint::ALL).map(|((name, about), point)| {
        let fitting =
            effects.iter().filter(|(effect, _)| effect.fits(*point)).map(|(effect, _)| effect.name());
        json!({"name": name, "about": about.trim(), "effects": fitting.collect::<Vec<_>>()})
    });
    let points = points.collect::<Vec<_>>();
    let written = effects
        .iter()
        .map(|(effect, about)| json!({"name": effect.name(), "about": about, "written": effect}));
    (json!(points), json!(written.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_effect_is_offered_where_it_can_be_done_and_its_example_is_taken() {
        let (points, written) = faults_there_are();
        for (point, at) in points.as_array().unwrap().iter().zip(InjectionPoint::ALL) {
            let offered = point["effects"].as_array().unwrap();
            assert_eq!(offered.len(), Effect::at(*at).len(), "{at}");
            for name in offered {
                let example = written.as_array().unwrap().iter().find(|one| one["name"] == *name).unwrap();
                let fault = json!({"at": point["name"], "do": example["written"]});
                serde_json::from_value::<super::super::Fault>(fault).unwrap();
            }
        }
    }
}
