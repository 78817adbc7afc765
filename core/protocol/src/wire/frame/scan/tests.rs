use super::*;
use crate::rng::Rng;

const PIECE: &str = r#"{"type":"msg","sender":"umm","sendUserId":"de4fh","sessionId":"s1","messageId":"r1",
    "seqId":"77001_____1774580000500","index":0,"wsId":"ws:1","timestamp":1774580000000,"dataType":"text",
    "subCode":null,"sources":[],"multipleData":[{"singleDataType":"text","modal":{"answer":"Hallo, 世界"}}]}"#;

/// What may stand for a value or anything else, much of it in the wrong place.
const TOKENS: &str = concat!(
    r#"{¦}¦[¦]¦:¦,¦:¦,¦ ¦\¦"¦x¦👍¦null¦true¦false¦nul¦[]¦{}¦[ ]¦[1]¦{"a":1}¦[{}]¦[{"modal":{}}]¦[null]¦{"x":null}¦"#,
    r#"0¦-1¦-0¦00¦07¦1.5¦1e3¦-¦999999999999999999¦1774580000000000000000¦-999999999999999999¦""¦"0"¦"-7"¦"+7"¦"#,
    r#""msg"¦"a word"¦"世界 and more than eight"¦"\n"¦"\u00e9\""¦"\ud83d\udc4d"¦"\ud83d"¦"\udc4d!"¦"\x"¦"a\¦"#,
    "\n¦\u{a0}¦\u{1}¦{\n}¦\"tab\tin it\"",
);

const NAMES: [&str; 10] =
    ["type", "sender", "index", "data", "subCode", "multipleData", "modal", "answer", "halfAfter", "other"];

/// Whether the frame is read in one pass. It is then what serde reads.
fn is_scanned(json: &str) -> bool {
    let Some(frame) = scan(json) else { return false };
    assert!(Frame::read(json).is_some_and(|read| read == frame), "serde reads this in another way: {json}");
    true
}

fn below(rng: &mut Rng, limit: usize) -> usize {
    usize::try_from(rng.next() % limit as u64).unwrap()
}

/// Where a character begins, anywhere in the text.
fn place(rng: &mut Rng, text: &str) -> usize {
    let mut at = below(rng, text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn token<'a>(rng: &mut Rng, tokens: &[&'a str]) -> &'a str {
    tokens[below(rng, tokens.len())]
}

/// An object of a few names with any values, at most so deep.
fn object(rng: &mut Rng, tokens: &[&str], depth: u32) -> String {
    let fields: Vec<_> = (0..below(rng, 5))
        .map(|_| {
            let value = match below(rng, 6) {
                0 if depth > 0 => object(rng, tokens, depth - 1),
                1 if depth > 0 => format!("[{}]", object(rng, tokens, depth - 1)),
                2 if depth > 0 => format!("[{{\"modal\":{}}},{{}}]", object(rng, tokens, depth - 1)),
                _ => token(rng, tokens).to_owned(),
            };
            format!("\"{}\": {value}", token(rng, &NAMES))
        })
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn a_usual_piece_is_read_in_one_pass() {
    assert!(is_scanned(PIECE));
    for json in [
        r#"{ "type": "msg", "sender": "umm", "messageId": "r1", "seqId": "s2", "index": -1, "multipleData": [] }"#,
        r#"{"sender":"umm","index":0,"multipleData":[{"modal":{"answer":"Hello"}}]}"#,
        r#"{"sender":"client","sendUserId":"del3p","multipleData":[{"modal":{"answer":"Hello"}}]}"#,
        r#"{"type":"pong","wsId":"ws:1"}"#,
        r#"{"type":"pong"}"#,
    ] {
        assert!(is_scanned(json), "{json}");
    }
}

#[test]
fn escapes_numbers_and_nulls_are_what_serde_makes_of_them() {
    for (json, scanned) in [
        (r#"{"multipleData":[{"modal":{"answer":"a\nb \"c\" \\ \u4e16\ud83d\udc4d"}}]}"#, true),
        (r#"{"multipleData":[{"modal":{"answer":"Hi \ud83d"}}]}"#, false),
        (r#"{"seqId":7,"index":"-1","wsId":true,"type":null,"timestamp":false}"#, true),
        (r#"{"seqId":1.5}"#, false),
        (r#"{"index":-1,"timestamp":999999999999999999}"#, true),
        (r#"{"index":-999999999999999999}"#, false),
        (r#"{"timestamp":9999999999999999999}"#, false),
        (r#"{"timestamp":99999999999999999999999999}"#, false),
        (r#"{"index":-0}"#, false),
        (r#"{"index":07}"#, false),
        (
            r#"{"dataType":"text","dataType":7,"multipleData":[{"singleDataType":[],"singleDataType":""}]}"#,
            true,
        ),
        (r#"{"seqId":12345678901234567890}"#, false),
        (r#"{"seqId":"a","seqId":"b"}"#, false),
        (r#"{"seqId":null,"seqId":"b"}"#, false),
        (r#"{"other":1,"other":2}"#, true),
        (r#"{"seq\u0049d":"a"}"#, false),
        (r#"{"data":"text","sources":null,"subCodeActions":{}}"#, true),
        (r#"{"data":{"content":"Hello"}}"#, false),
        (r#"{"multipleData":[{},{"modal":null},{"modal":{}},{"modal":{"answer":5}}]}"#, true),
        (r#"{"multipleData":[null]}"#, false),
        (r#"{"type":"msg"}}"#, false),
        (r#"{"type":"msg",}"#, false),
        (r#"{"type":"msg"#, false),
        (r#" { "type": "msg" , "index" :1 } "#, false),
        (r#" { "type": "msg" , "index": 1 } "#, true),
        (r#"["msg"]"#, false),
        ("{\"type\":\"m\tg\"}", false),
        ("{\"type\":\"more than eight\u{1f}\"}", false),
        ("", false),
    ] {
        assert_eq!(is_scanned(json), scanned, "{json}");
    }
}

#[test]
fn whatever_is_read_in_one_pass_is_what_serde_reads() {
    let tokens: Vec<&str> = TOKENS.split('¦').collect();
    let mut scanned = 0;
    for seed in 0..20_000 {
        let mut rng = Rng::new(seed);
        let mut json = if seed % 2 == 0 { PIECE.to_owned() } else { object(&mut rng, &tokens, 3) };
        for _ in 0..below(&mut rng, 4) {
            let (from, to) = (place(&mut rng, &json), place(&mut rng, &json));
            let to = to.clamp(from, json.len().min(from + 12));
            let to = (to..=json.len()).find(|at| json.is_char_boundary(*at)).unwrap();
            json.replace_range(from..to, token(&mut rng, &tokens));
        }
        scanned += u32::from(is_scanned(&json));
    }
    assert!(scanned > 2_000, "only {scanned} of them are read in one pass");
}
