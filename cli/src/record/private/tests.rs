//! No secret and no spoken word passes, whatever it stands in; relations and forms do.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;

const BEGAN: i64 = 1_774_580_000_000;

/// How many recordings are made up. RECORD_SEEDS asks for more.
fn seeds(usual: u64) -> u64 {
    std::env::var("RECORD_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(usual)
}

/// Chance, by a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }

    /// A word of a language: it has vowels, and is not a word of the protocol.
    fn word(&mut self) -> String {
        let length = 2 + self.below(4);
        let mut word: String =
            (0..length).map(|_| self.of("bcdfgklmnprstvz", 1) + &self.of("aeiou", 1)).collect();
        word.push_str(["ia", "ou", "é", "", "na", "啊好", "😀"][self.below(7)]);
        if self.below(3) == 0 { word[..1].to_uppercase() + &word[1..] } else { word }
    }

    /// Something that must not pass.
    fn secret(&mut self) -> String {
        const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        match self.below(10) {
            0 => format!("sk-{}", self.of(LETTERS, 32)),
            1 => self.of("0123456789abcdef", 32),
            2 => {
                let mut hex = |length| self.of("0123456789abcdef", length);
                format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
            }
            3 => format!("7{}", self.of("0123456789", 17)),
            4 => format!(
                "eyJ{}.{}-{}_{}",
                self.of(LETTERS, 20),
                self.of(LETTERS, 30),
                self.of(LETTERS, 12),
                self.of(LETTERS, 9)
            ),
            5 => format!("{}@{}.org", self.word(), self.of("abcdefgh", 9)),
            6 => format!("lba_at_{}", self.of(LETTERS, 40)),
            7 => format!("{}:{}", self.of(LETTERS, 12), self.of("0123456789", 24)),
            8 => self.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 12),
            _ => self.of("abcdefghijklmnopqrstuvwxyz", 14),
        }
    }

    fn sentence(&mut self) -> String {
        let words: Vec<String> = (0..1 + self.below(9)).map(|_| self.word()).collect();
        words.join([" ", ", ", "\n", " – "][self.below(4)])
    }
}

/// What was planted, in pieces that must not be found.
#[derive(Default)]
struct Planted(Vec<String>);

impl Planted {
    fn plant(&mut self, text: &str) -> String {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        self.0.extend(
            words.filter(|word| word.chars().count() >= 5 && !known::is_of_words(word)).map(str::to_owned),
        );
        text.to_owned()
    }

    fn must_not_be_in(&self, output: &str, about: &str) {
        let lower = output.to_lowercase();
        // `templateName` has a word in it that chance may make as well.
        let ours = FIELDS.concat().to_lowercase();
        let words = self.0.iter().filter(|word| !ours.contains(&word.to_lowercase()));
        let found = words.into_iter().find(|word| lower.contains(&word.to_lowercase()));
        assert!(found.is_none(), "{about}: {found:?} is in {output}");
    }
}

const FIELDS: [&str; 34] = [
    "visitorId",
    "visitorName",
    "visitorToken",
    "avatarName",
    "opening",
    "message",
    "content",
    "answer",
    "apiKey",
    "address",
    "wsUrl",
    "sessionId",
    "messageId",
    "type",
    "sender",
    "code",
    "subCode",
    "subCodeReason",
    "msg",
    "detail",
    "timestamp",
    "createTime",
    "index",
    "apiVersion",
    "channel",
    "scope",
    "expiresIn",
    "templateName",
    "brandNewField",
    "link",
    "data",
    "error",
    "event",
    "status",
];

fn planted_value(chance: &mut Chance, planted: &mut Planted, depth: usize) -> Value {
    match chance.below(if depth > 4 { 6 } else { 9 }) {
        0 => json!(planted.plant(&chance.secret())),
        1 => json!(planted.plant(&chance.sentence())),
        2 => {
            let number = 10_000_000 + chance.below(usize::MAX >> 34) as u64 * 7_919;
            planted.0.push(number.to_string());
            json!(number)
        }
        3 => {
            let (host, path, secret) = (chance.of("abcdefghij", 8), chance.secret(), chance.secret());
            for part in [&host, &path, &secret] {
                planted.plant(part);
            }
            json!(format!("wss://{host}.com/{path}/ws?token={secret}&x={}", planted.plant(&chance.word())))
        }
        4 => {
            let quoted = planted.plant(&chance.sentence());
            json!(format!("the session of {quoted} is not found: {}", planted.plant(&chance.secret())))
        }
        5 => [json!(null), json!(true), json!(0), json!(7)][chance.below(4)].clone(),
        6 => json!(planted_object(chance, planted, depth + 1).to_string()),
        7 => (0..chance.below(4)).map(|_| planted_value(chance, planted, depth + 1)).collect(),
        _ => planted_object(chance, planted, depth + 1),
    }
}

fn planted_object(chance: &mut Chance, planted: &mut Planted, depth: usize) -> Value {
    let mut object = Map::new();
    for _ in 0..1 + chance.below(6) {
        let name = match chance.below(12) {
            // A map whose names are values.
            0 => planted.plant(&format!("{} {}", chance.sentence(), chance.secret())),
            _ => FIELDS[chance.below(FIELDS.len())].to_owned(),
        };
        object.insert(name, planted_value(chance, planted, depth));
    }
    Value::Object(object)
}

#[test]
fn no_secret_and_no_word_passes_in_any_json() {
    for seed in 1..=seeds(400) {
        let (mut chance, mut planted) = (Chance(seed * 0x9e37_79b9), Planted::default());
        let mut private = Private::fixed(seed, BEGAN);
        let value = planted_object(&mut chance, &mut planted, 0);
        for place in [Place::Request, Place::Answer, Place::Frame] {
            let output = private.json(place, &value).to_string();
            planted.must_not_be_in(&output, &format!("seed {seed}, {place:?}"));
        }
    }
}

#[test]
fn no_secret_and_no_word_passes_in_http() {
    for seed in 1..=seeds(400) {
        let (mut chance, mut planted) = (Chance(seed * 0x9e37_79b9), Planted::default());
        let mut private = Private::fixed(seed, BEGAN);
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "token",
            "fp",
            "cookie",
            "x-anything",
            "user-agent",
            "content-type",
            "server",
            "via",
            "origin",
            "host",
            "retry-after",
            "timestamp",
        ] {
            let secret = planted.plant(&chance.secret());
            let word = planted.plant(&chance.of("aeioubcd", 9));
            let value = match chance.below(4) {
                0 => secret,
                1 => format!("Bearer {secret}"),
                2 => format!("https://{word}.com/{secret}"),
                _ => format!("{word}; a={secret}"),
            };
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        let strange = format!("x-{}", planted.plant(&chance.of("0123456789abcdef", 20)));
        headers.insert(HeaderName::try_from(strange).unwrap(), HeaderValue::from_static("1"));
        let path = format!(
            "/gate/in/rest/os/avatar/public/{}/{}",
            planted.plant(&chance.secret()),
            planted.plant(&chance.of("aeioubcd", 9))
        );
        let query = format!(
            "sessionId={}&{}=1&text=%E4%BD%A0{}+{}",
            planted.plant(&chance.secret()),
            planted.plant(&chance.secret()),
            planted.plant(&chance.of("aeioubcd", 9)),
            planted.plant(&chance.of("aeioubcd", 9))
        );
        let form = format!(
            "grant_type=client_credentials&client_secret={}&name={}",
            planted.plant(&chance.secret()),
            planted.plant(&chance.of("aeioubcd", 9))
        );
        let outputs = [
            private.headers(&headers).to_string(),
            private.path(&path),
            private.query(&query),
            private.form(form.as_bytes()).to_string(),
            private.opaque(&planted.plant(&chance.sentence())),
            private.failure(&planted.plant(&chance.sentence())),
        ];
        for output in outputs {
            planted.must_not_be_in(&output, &format!("seed {seed}"));
        }
    }
}

#[test]
fn a_value_is_the_same_wherever_it_stands() {
    let mut private = Private::fixed(7, BEGAN);
    let id = "AbC123xyz_____1774580001234";
    let output = private.json(
        Place::Answer,
        &json!({
            "code": "session.not.found",
            "message": format!("the session {id} is not found"),
            "data": {"messageId": id, "ids": [id], "url": format!("wss://host.org/x?messageId={id}"), "nested": json!({"seqId": id}).to_string()},
        }),
    );
    let placeholder = output["data"]["messageId"].as_str().unwrap().to_owned();
    assert_eq!(placeholder.len(), id.len());
    assert!(placeholder.contains("_____") && placeholder != id);
    assert_eq!(output["data"]["ids"][0], placeholder.as_str());
    assert_eq!(output["message"], format!("the session {placeholder} is not found"));
    assert!(output["data"]["url"].as_str().unwrap().ends_with(&format!("?messageId={placeholder}")));
    assert!(output["data"]["nested"].as_str().unwrap().contains(&placeholder));
    assert_eq!(output["code"], "session.not.found");
    // A number and its digits.
    let numbers = private
        .json(Place::Answer, &json!({"mindId": 487_569_763_543_990_272_u64, "id": "487569763543990272"}));
    assert_eq!(numbers["mindId"].to_string(), numbers["id"].as_str().unwrap());
    // A header and a body.
    let token = HeaderMap::from_iter([(
        HeaderName::from_static("token"),
        HeaderValue::from_static("deadbeef0123456789"),
    )]);
    let header = private.headers(&token);
    assert_eq!(
        header["token"],
        private.json(Place::Request, &json!({"visitorToken": "deadbeef0123456789"}))["visitorToken"]
    );
}

#[test]
fn what_looks_like_a_platform_or_a_date_is_replaced_where_a_person_says_it() {
    let mut private = Private::fixed(7, BEGAN);
    let said = private
        .json(Place::Request, &json!({"message": "write to telegram-0170123 or visitor_12345, please"}));
    let said = said.to_string();
    assert!(!said.contains("telegram") && !said.contains("visitor") && !said.contains("0170123"), "{said}");
    let date = HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT");
    let headers =
        private.headers(&HeaderMap::from_iter([(HeaderName::from_static("retry-after"), date)])).to_string();
    assert!(!headers.contains("2026") && !headers.contains("Oct"), "{headers}");
    let seconds = HeaderValue::from_static("120");
    let headers = private.headers(&HeaderMap::from_iter([(HeaderName::from_static("retry-after"), seconds)]));
    assert_eq!(headers["retry-after"], "120");
}

#[test]
fn what_clients_say_in_the_headers_of_http_itself_stays() {
    let mut private = Private::fixed(7, BEGAN);
    for (name, value) in [
        ("connection", "keep-alive, Upgrade"),
        ("sec-fetch-mode", "cors"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits=15"),
        ("accept-encoding", "gzip, deflate, br"),
    ] {
        let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
        assert_eq!(private.headers(&HeaderMap::from_iter([header]))[name], value);
    }
}

#[test]
fn forms_stay() {
    let mut private = Private::fixed(7, BEGAN);
    let frame = json!({
        "type": "voice_notification", "sender": "umm", "index": -1, "timestamp": BEGAN + 5_000, "sessionId": "7463527",
        "visitorId": "web_6ba7b810-9dad-41d1-80b4-00c04fd430c8", "messageId": format!("x1_____{}", BEGAN + 5_001),
        "multipleData": [{"singleDataType": "template", "modal": {"template": r#"{"templateName":"citation","params":{"citation":"Price list"}}"#}}],
    });
    let output = private.json(Place::Frame, &frame);
    for kept in ["type", "sender", "index"] {
        assert_eq!(output[kept], frame[kept]);
    }
    let shifted = output["timestamp"].as_i64().unwrap();
    assert_eq!(
        output["messageId"].as_str().unwrap().split("_____").nth(1).unwrap(),
        (shifted + 1).to_string()
    );
    assert!(output["sessionId"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()));
    let visitor = output["visitorId"].as_str().unwrap();
    assert!(
        visitor.starts_with("web_") && visitor.as_bytes()[18] == b'4' && visitor.as_bytes()[23] == b'8',
        "{visitor}"
    );
    assert!(visitor[4..].bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    }));
    let card: Value =
        serde_json::from_str(output["multipleData"][0]["modal"]["template"].as_str().unwrap()).unwrap();
    assert_eq!(card["templateName"], "citation");
    assert_ne!(card["params"]["citation"], "Price list");
}

#[test]
fn a_message_of_a_person_is_no_message_about_a_failure() {
    let mut private = Private::fixed(7, BEGAN);
    let said = "session not found";
    for value in [json!({"message": said, "code": 1}), json!({"detail": said}), json!({"error": said})] {
        assert!(!private.json(Place::Request, &value).to_string().contains(said), "{value}");
        assert!(!private.json(Place::Frame, &value).to_string().contains(said), "{value}");
    }
    // The service says so of itself, and not because a person did.
    let mut private = Private::fixed(7, BEGAN);
    assert_eq!(private.json(Place::Answer, &json!({"code": 404, "message": said}))["message"], said);
    let answer =
        private.json(Place::Answer, &json!({"code": 404, "message": "", "data": [{"message": said}]}));
    assert_ne!(answer["data"][0]["message"], said);
    let mut private = Private::fixed(7, BEGAN);
    let detail = private.json(
        Place::Answer,
        &json!({"detail": [{"loc": ["body", "sessionId"], "msg": "field required", "type": "value_error.missing", "input": said}]}),
    );
    assert_eq!(detail["detail"][0]["loc"], json!(["body", "sessionId"]));
    assert_eq!(detail["detail"][0]["msg"], "field required");
    assert_ne!(detail["detail"][0]["input"], said);
}

#[test]
fn a_failure_that_repeats_what_a_person_said_in_known_words_is_replaced() {
    let said = "The password of the second account is password";
    let asked = [
        json!({"message": said}),
        json!({"data": {"content": said}}),
        json!({"text": json!({"content": said}).to_string()}),
    ];
    for value in asked {
        for place in [Place::Request, Place::Answer, Place::Frame] {
            let mut private = Private::fixed(7, BEGAN);
            assert_eq!(private.failure("the second account is locked"), "the second account is locked");
            private.json(place, &value);
            for text in
                [format!("content not allowed: {said}"), "denied: the second account is \u{2026}".to_owned()]
            {
                let failed = [
                    private.json(Place::Answer, &json!({"code": 403, "message": text}))["message"].clone(),
                    private.json(Place::Answer, &json!({"detail": [{"msg": text}]}))["detail"][0]["msg"]
                        .clone(),
                    private.json(Place::Frame, &json!({"subCodeReason": text}))["subCodeReason"].clone(),
                    json!(private.failure(&text)),
                ];
                for failed in failed {
                    let failed = failed.as_str().unwrap();
                    assert!(failed.len() == text.len() && !failed.contains("account"), "{failed}");
                }
            }
            assert_eq!(private.failure("session not found"), "session not found");
        }
    }
    // A word alone, as a visitor's whole message.
    let mut private = Private::fixed(7, BEGAN);
    private.json(Place::Request, &json!({"message": "Password"}));
    assert!(!private.failure("the content \"password\" is refused").contains("password"));
}

#[test]
fn hostile_values_neither_panic_nor_pass() {
    let mut private = Private::fixed(7, BEGAN);
    let mut deep = json!("Aurelia");
    for _ in 0..100 {
        deep = json!({"data": [deep]});
    }
    let nested =
        (0..12).fold(json!({"text": "Aurelia"}).to_string(), |inner, _| json!({"data": inner}).to_string());
    let values = [
        deep,
        json!(nested),
        json!({"": "Aurelia", "Aurelia": "", "sessionId": "\u{0}\u{7f}Aurelia\u{202e}", "n": [1e308, -1e-308, -0.0, u64::MAX, i64::MIN, 99_999_999_999_999_999_999_f64]}),
        json!({"timestamp": i64::MAX, "time": "Aurelia-01-01T00:00:00Z", "expiresAt": -1, "createdAt": "2026-01-01Taurelia"}),
        json!({"link": "https://Aurelia:Aurelia@Aurelia.com:99999/%zz%?=&&=%#Aurelia", "url": "https://[::1", "code": "Aurelia.Aurelia"}),
    ];
    for value in values {
        for place in [Place::Request, Place::Answer, Place::Frame] {
            let output = private.json(place, &value).to_string();
            assert!(!output.to_lowercase().contains("aurelia"), "{output}");
        }
    }
    for text in ["%", "%%%=&=", "a=%ff%fe", "a=%E4%BD", "&&&", "=", "+"] {
        private.query(text);
        private.path(text);
        private.form(text.as_bytes());
        private.failure(text);
        private.address(text);
        private.opaque(text);
    }
}
