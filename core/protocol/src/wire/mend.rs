//! JSON whose strings hold halves of surrogate pairs.
//!
//! A service that cuts its text between the two halves of `\\ud83d\\udc4d` writes what a Rust string cannot hold, and
//! serde_json refuses the whole frame. Here a half that stands alone becomes U+FFFD; one at the edge of a text that
//! comes in pieces is moved into a field beside it instead, so that it finds its other half in the next piece.

/// The fields whose text comes in pieces, and what is put beside them: the halves that it begins and ends with.
const PIECES: [&str; 2] = ["answer", "content"];
const BEGINS: &str = "halfBefore";
const ENDS: &str = "halfAfter";

/// What stands for a half without its other half.
pub(crate) const LONE: char = char::REPLACEMENT_CHARACTER;

/// Whether a JSON text holds a half.
pub(crate) fn has_half(json: &str) -> bool {
    mend(json).is_some()
}

/// The same JSON without halves; `None` where it holds none.
pub(crate) fn mend(json: &str) -> Option<String> {
    if !has_escaped_half(json.as_bytes()) {
        return None;
    }
    let mut out = String::with_capacity(json.len() + 32);
    let mut rest = json;
    let mut key = "";
    let mut mended = false;
    while let Some(at) = rest.find('"') {
        out.push_str(&rest[..at]);
        let body = &rest[at + 1..];
        let Some(end) = end_of_string(body) else {
            return None; // It breaks off: that is beyond mending.
        };
        let (text, after) = (&body[..end], &body[end + 1..]);
        let is_key = after.trim_start().starts_with(':');
        let in_pieces = !is_key && PIECES.contains(&key);
        let halves = write(&mut out, text, in_pieces);
        mended |= halves.any;
        for (name, half) in [(BEGINS, halves.begins), (ENDS, halves.ends)] {
            if let Some(half) = half {
                out.push_str(&format!(",\"{name}\":{half}"));
            }
        }
        key = if is_key { text } else { "" };
        rest = after;
    }
    out.push_str(rest);
    mended.then_some(out)
}

/// The body of an answer without halves; `None` where it holds none.
pub(crate) fn mend_body(body: &[u8]) -> Option<String> {
    std::str::from_utf8(body).ok().and_then(mend)
}

/// The character of two halves.
pub(crate) fn join(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

/// The halves that a text had and could not keep.
#[derive(Default)]
struct Halves {
    any: bool,
    begins: Option<u16>,
    ends: Option<u16>,
}

/// Writes a JSON string, quoted, its halves mended.
fn write(out: &mut String, text: &str, in_pieces: bool) -> Halves {
    let mut halves = Halves::default();
    out.push('"');
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some(escape) = rest.find('\\') else {
            out.push_str(rest);
            break;
        };
        out.push_str(&rest[..escape]);
        let begins = at + escape;
        let Some(half) = half_at(text, begins) else {
            // The escape with what it escapes, which may be a backslash.
            let length = 1 + text[begins + 1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&text[begins..begins + length]);
            at = begins + length;
            continue;
        };
        at = begins + ESCAPE;
        let is_high = half < 0xDC00;
        let other = half_at(text, at).filter(|other| is_high && *other >= 0xDC00);
        if other.is_some() {
            at += ESCAPE;
            out.push_str(&text[begins..at]);
            continue;
        }
        halves.any = true;
        if in_pieces && !is_high && begins == 0 {
            halves.begins = Some(half);
        } else if in_pieces && is_high && at == text.len() {
            halves.ends = Some(half);
        } else {
            out.push(LONE);
        }
    }
    out.push('"');
    halves
}

/// The length of `\\ud83d`.
const ESCAPE: usize = 6;

/// The half whose escape begins here.
fn half_at(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    (0xD800..0xE000).contains(&unit).then_some(unit)
}

fn has_escaped_half(json: &[u8]) -> bool {
    json.windows(4)
        .any(|four| matches!(four, [b'\\', b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F']))
}

/// Where a string ends, from behind its opening quote on.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_at_the_edges_of_a_piece_are_put_beside_it_and_all_others_replaced() {
        for (json, mended) in [
            (r#"{"answer":"Hi \ud83d"}"#, r#"{"answer":"Hi ","halfAfter":55357}"#),
            (r#"{"answer":"\udc4d!"}"#, r#"{"answer":"!","halfBefore":56397}"#),
            (r#"{"answer":"\uDC4D \uD83D"}"#, r#"{"answer":" ","halfBefore":56397,"halfAfter":55357}"#),
            (r#"{"answer":"\ud83d"}"#, r#"{"answer":"","halfAfter":55357}"#),
            (r#"{"answer":"a\ud83db\udc4dc"}"#, "{\"answer\":\"a\u{fffd}b\u{fffd}c\"}"),
            (r#"{"answer":"\ud83d\ud83d\udc4d"}"#, "{\"answer\":\"\u{fffd}\\ud83d\\udc4d\"}"),
            (r#"{"opening":"Hi \ud83d"}"#, "{\"opening\":\"Hi \u{fffd}\"}"),
            (r#"["answer","\ud83d"]"#, "[\"answer\",\"\u{fffd}\"]"),
            (r#"{"\ud83d" : "x"}"#, "{\"\u{fffd}\" : \"x\"}"),
        ] {
            assert_eq!(mend(json).as_deref(), Some(mended), "{json}");
            serde_json::from_str::<serde_json::Value>(mended).unwrap();
        }
    }

    #[test]
    fn what_is_whole_is_left_alone() {
        for json in [
            r#"{"answer":"Hi \ud83d\udc4d"}"#,
            r#"{"answer":"a path: C:\\ud83d"}"#,
            r#"{"answer":"\\\\ud83d","b":"\""}"#,
            r#"{"answer":"\ud83"#,
            r#"{"answer":"\ue000"}"#,
            "{}",
            "",
        ] {
            assert_eq!(mend(json), None, "{json}");
        }
    }
}
