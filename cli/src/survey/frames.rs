//! What frames say about the service: pure readings of what came over a socket.

use secondme_avatar::is_payment_code;
use serde_json::Value;

use super::sockets::Heard;

/// Whether a frame belongs to a conversation, and not to the socket alone.
pub(super) fn is_said(frame: &Value) -> bool {
    !matches!(frame.get("type").and_then(Value::as_str), Some("ping" | "pong" | "ack" | "cmd"))
}

pub(super) fn is_pong(frame: &Value) -> bool {
    frame.get("type").is_some_and(|kind| kind == "pong")
}

/// A piece of the avatar's reply, or all of it.
pub(super) fn is_reply(frame: &Value) -> bool {
    is_said(frame) && frame.get("sender").is_some_and(|sender| sender == "umm")
}

/// Whether a frame is the copy of a message of ours.
pub(super) fn is_echo(frame: &Value, message_id: &str, text: &str) -> bool {
    let from_client = frame.get("sender").is_some_and(|sender| sender == "client");
    let same = frame.get("messageId").is_some_and(|id| id == message_id);
    from_client && is_said(frame) && (same || text_in(frame).1.trim() == text.trim())
}

/// The place of a frame's text, as the switch `client-text` names it, and the text.
pub(super) fn text_in(frame: &Value) -> (&'static str, String) {
    let entries = frame.get("multipleData").and_then(Value::as_array);
    let pieces = entries.into_iter().flatten().filter_map(|entry| entry.pointer("/modal/answer")?.as_str());
    let text: String = pieces.collect();
    if !text.is_empty() {
        return ("multiple-data", text);
    }
    let content = frame.pointer("/data/content").and_then(Value::as_str).unwrap_or_default();
    ("content", content.to_owned())
}

/// A frame without the one field that depends on the socket it comes over.
pub(super) fn without_socket(frame: &Value) -> Value {
    let mut frame = frame.clone();
    if let Value::Object(fields) = &mut frame {
        fields.remove("wsId");
    }
    frame
}

/// Whether a frame says that an allowance is used up.
pub(super) fn money_in(frame: &Value) -> bool {
    frame.get("subCode").and_then(Value::as_str).is_some_and(is_payment_code)
}

pub(super) fn index_of(frame: &Value) -> Option<i64> {
    frame.get("index")?.as_i64()
}

/// The ids that frames carry beyond the page.
const IDS: [&str; 3] = ["sessionId", "messageId", "seqId"];

/// The answer to `frame-fields`, or what came instead.
pub(super) fn fields(frames: &[&Value]) -> Result<(&'static str, String), String> {
    if frames.is_empty() {
        return Err("No frame came.".to_owned());
    }
    let total = frames.len();
    let counts = IDS.map(|id| frames.iter().filter(|frame| frame.get(id).is_some()).count());
    if counts == [total; 3] {
        return Ok((
            "all",
            format!("All {total} frames of an exchange carried sessionId, messageId and seqId."),
        ));
    }
    if counts == [0; 3] {
        return Ok((
            "documented",
            format!("None of {total} frames carried a sessionId, messageId or seqId."),
        ));
    }
    if counts == [0, total, total] {
        return Ok((
            "no-session",
            format!("All {total} frames carried messageId and seqId, and none a sessionId."),
        ));
    }
    let parts = IDS.iter().zip(counts).map(|(id, count)| format!("{id} {count}"));
    let parts: Vec<_> = parts.collect();
    Err(format!(
        "Of {total} frames so many carried an id: {}. No known answer is like that.",
        parts.join(", ")
    ))
}

/// The answer to `end-mark`, from the frames of one reply that came in pieces.
pub(super) fn end_mark(reply: &[&Value]) -> Option<(&'static str, &'static str)> {
    let is_end = |frame: &Value| index_of(frame) == Some(-1);
    let has_text = |frame: &Value| !text_in(frame).1.is_empty();
    let first = reply.iter().position(|frame| has_text(frame))?;
    let early = reply[..first].iter().any(|frame| is_end(frame));
    let end = reply[first..].iter().rev().find(|frame| is_end(frame));
    match (early, end) {
        (true, Some(_)) => {
            Some(("twice", "A frame with index -1 came before any text, and another after it."))
        }
        (true, None) => None,
        (false, Some(end)) if has_text(end) => {
            Some(("last-piece", "The last piece of the reply carried index -1."))
        }
        (false, Some(_)) => Some(("empty", "A frame without text carried index -1.")),
        (false, None) => Some(("missing", "No frame of the reply carried index -1.")),
    }
}

/// A frame that came again, with the first time and the second.
pub(super) fn repeated<'a>(earlier: &'a [Heard], later: &'a [Heard]) -> Option<(&'a Heard, &'a Heard)> {
    let same = |one: &Heard, other: &Heard| {
        let has_id = ["seqId", "timestamp"].iter().any(|name| one.frame.get(*name).is_some());
        // Without ids two pieces of a reply may be the same by chance, but hardly two echoes.
        let may_be_compared = has_id || one.frame.get("sender").is_some_and(|sender| sender == "client");
        may_be_compared && without_socket(&one.frame) == without_socket(&other.frame)
    };
    let said = |list: &'a [Heard]| list.iter().filter(|heard| is_said(&heard.frame));
    said(later).find_map(|two| {
        let one = said(earlier).find(|one| one.at < two.at && same(one, two))?;
        Some((one, two))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn piece(index: i64, text: &str) -> Value {
        json!({"sender": "umm", "index": index, "multipleData": [{"modal": {"answer": text}}]})
    }

    fn mark(frames: &[Value]) -> Option<&'static str> {
        let frames: Vec<_> = frames.iter().collect();
        end_mark(&frames).map(|(answer, _)| answer)
    }

    #[test]
    fn each_end_of_a_reply_is_told_from_the_others() {
        assert_eq!(mark(&[piece(0, "a"), piece(-1, "b")]), Some("last-piece"));
        assert_eq!(mark(&[piece(0, "a"), piece(1, "b"), piece(-1, "")]), Some("empty"));
        assert_eq!(mark(&[piece(0, "a"), piece(1, "b")]), Some("missing"));
        assert_eq!(mark(&[piece(-1, ""), piece(0, "a"), piece(-1, "b")]), Some("twice"));
        assert_eq!(mark(&[piece(-1, ""), piece(0, "a")]), None);
        assert_eq!(mark(&[]), None);
    }

    #[test]
    fn frames_with_some_of_the_ids_are_like_no_known_answer() {
        let all = json!({"sessionId": 1, "messageId": "a", "seqId": "b"});
        let unnamed = json!({"messageId": "a", "seqId": "b"});
        assert_eq!(fields(&[&unnamed]).map(|(answer, _)| answer), Ok("no-session"));
        let (some, none) = (json!({"sessionId": 1}), json!({"sender": "umm"}));
        assert_eq!(fields(&[&all, &all]).map(|(answer, _)| answer), Ok("all"));
        assert_eq!(fields(&[&none, &none]).map(|(answer, _)| answer), Ok("documented"));
        assert!(fields(&[&all, &some]).is_err_and(|why| why.contains("sessionId 2, messageId 1, seqId 1")));
        assert!(fields(&[]).is_err());
    }
}
