//! What the service's failure codes mean, by their names.

use std::borrow::Cow;

use super::visitor_chat;
use crate::door::Door;
use crate::error::ErrorKind;
use crate::quote::CODE;

/// A failure code: dotted, and without a space.
pub(super) fn is_code(text: &str) -> bool {
    text.contains('.')
        && text.len() <= CODE
        && !text.starts_with('.')
        && !text.ends_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A code in the place of a sentence, such as `session_not_found`.
pub(super) fn is_word(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What a failure is, and what the caller is told.
pub(crate) type Meaning = (ErrorKind, Cow<'static, str>);

/// What is said of a failure for money, wherever it comes from.
pub(super) const ALLOWANCE_USED_UP: &str = "the owner's or the visitor's allowance is used up: it has to be paid for in the SecondMe app, and trying again does not help";

/// What a code means, where its name says that for certain, whatever status it comes with.
pub(crate) fn meaning(door: Door, code: &str) -> Option<Meaning> {
    if is_payment_code(code) {
        return Some((ErrorKind::PaymentRequired, ALLOWANCE_USED_UP.into()));
    }
    let of_door = match door {
        Door::AvatarOpenApi => None,
        Door::VisitorChat => visitor_chat::meaning(code),
    };
    let lost = || {
        let text = "the service has ended this session: open the conversation again";
        names_a_lost_session(door, code).then_some((ErrorKind::Closed, text))
    };
    of_door.or_else(|| lost().or_else(|| documented(code)).map(|(kind, text)| (kind, text.into())))
}

/// What a code means that is not listed, where its family and the status say that together.
pub(super) fn likely_meaning(door: Door, status: u16, code: &str) -> Option<Meaning> {
    match door {
        Door::AvatarOpenApi => None,
        Door::VisitorChat => visitor_chat::likely_meaning(status, code),
    }
}

/// Whether a code is known to be about something else than the token, so that a 401 or 403 with it is too.
pub(super) fn is_of_something_else(door: Door, code: &str) -> bool {
    let of_door = match door {
        Door::AvatarOpenApi => false,
        Door::VisitorChat => visitor_chat::is_known(code),
    };
    of_door || code.starts_with("open.api.") || meaning(door, code).is_some()
}

/// The codes that mean the same at both doors.
fn documented(code: &str) -> Option<(ErrorKind, &'static str)> {
    Some(match code {
        "open.api.unauthorized" => (
            ErrorKind::Authentication,
            "the service saw no API key: check that nothing between here and it strips the Authorization header",
        ),
        "open.api.key.not.found" => (
            ErrorKind::Authentication,
            "the service does not know this API key: copy it again from Avatar Hub → Avatar Detail → API Key Management",
        ),
        "open.api.key.disabled" => (
            ErrorKind::Authentication,
            "this API key is disabled: enable it in the SecondMe app or create another",
        ),
        "open.api.rate.limited" => {
            (ErrorKind::RateLimited, "the API key's quota (60 requests a minute) is used up")
        }
        "open.api.avatar.not.found" => {
            (ErrorKind::AvatarNotFound, "the avatar of this API key does not exist (any more)")
        }
        "open.api.invalid.visitor.id" => {
            (ErrorKind::InvalidVisitorId, "the service does not accept this visitorId")
        }
        "session.not.member" => (
            ErrorKind::NotMember,
            "not a member of this session: open the conversation again and a new session is made",
        ),
        "service.status.unavailable" => (ErrorKind::Unavailable, "the service is not available"),
        _ if says_rate_limit(&words(code)) => (ErrorKind::RateLimited, "the service is asked too often"),
        _ => return None,
    })
}

/// Whether a failure code says that an allowance is used up, so that only money helps. A rate limit is not an
/// allowance: it passes.
///
/// ```
/// use secondme_avatar_protocol::is_payment_code;
///
/// assert!(is_payment_code("freeUsedUp.byokPlan"));
/// assert!(!is_payment_code("open.api.rate.limited"));
/// ```
pub fn is_payment_code(code: &str) -> bool {
    let of_money = ["quota", "free", "exhaustion"];
    // What is frozen is not free.
    let is_of_money = |word: &String| of_money.into_iter().any(|of| word.replace("freez", "").contains(of));
    letters(code) == "avatarunlockrequired" || (!names_a_rate(code) && words(code).iter().any(is_of_money))
}

/// Whether it is about how often the service is asked.
pub(super) fn names_a_rate(code: &str) -> bool {
    let words = words(code);
    says_rate_limit(&words) || words.iter().any(|word| word.contains("qps"))
}

/// Whether two of the words, or one, say "rate limit". Those of "generate" and "limit" do not.
fn says_rate_limit(words: &[String]) -> bool {
    let follows = |pair: &[String]| pair[0] == "rate" && pair[1].starts_with("limit");
    words.iter().any(|word| word.starts_with("ratelimit")) || words.windows(2).any(follows)
}

/// Whether it is about the visitor token. One that tells of used-up tokens of a language model is about money.
pub(super) fn names_the_token(code: &str) -> bool {
    let says_token = words(code).iter().any(|word| word.contains("token"));
    let names_it = says_token || code == "resource.auth.unauthorized";
    names_it && !is_payment_code(code) && !names_a_rate(code)
}

/// Whether the session is not there (any more). Of the Avatar Open API only `session.status.closed` has been seen; the
/// other codes are guesses. Clients of Visitor Chat look for the words, wherever they stand.
pub(crate) fn names_a_lost_session(door: Door, code: &str) -> bool {
    match door {
        Door::AvatarOpenApi => {
            let code = code.to_ascii_lowercase().replace(['_', '-'], ".");
            let fates = ["status.closed", "not.found", "not.exist", "not.exists", "expired", "closed"];
            let fate = code.strip_prefix("session.").or_else(|| Some(code.split_once(".session.")?.1));
            fate.is_some_and(|fate| fates.contains(&fate))
        }
        Door::VisitorChat => {
            let letters = letters(code);
            let fates = ["notfound", "notexist", "expired", "closed"];
            letters.contains("session")
                && fates.into_iter().any(|fate| letters.contains(fate))
                && !names_the_token(code)
        }
    }
}

/// Codes of failures that pass on their own.
pub(crate) fn is_retryable_code(code: &str) -> bool {
    let is_listed =
        matches!(code, "service.status.unavailable" | "session.openai.error" | "session.response.timeout");
    is_listed || names_a_rate(code)
}

/// Codes that come over the socket instead of an answer to a message.
pub(crate) fn is_answer_code(code: &str) -> bool {
    is_retryable_code(code)
        || is_payment_code(code)
        || matches!(code, "session.message.exceedRequestLimit" | "message.length.limit")
}

/// A code's letters and digits, in lower case: what stands between its words, and how they begin, differs.
fn letters(code: &str) -> String {
    code.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// A code's words, in lower case: a capital begins one, as in `exceedQPSLimit`, and so does what stands between words.
fn words(code: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let bytes = code.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after_small = before.is_some_and(|before| !before.is_ascii_uppercase());
        let before_small = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let is_first = byte.is_ascii_uppercase() && (after_small || before_small);
        if is_first || !byte.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| byte.is_ascii_alphanumeric()) {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_word_by_word() {
        for (code, expected) in [
            ("session.message.exceedQPSLimit", "session message exceed qps limit"),
            ("freeUsedUp.generateLimit", "free used up generate limit"),
            ("RATE_LIMITED", "rate limited"),
            ("oauth2.app-id", "oauth2 app id"),
            ("", ""),
        ] {
            assert_eq!(words(code).join(" "), expected);
        }
    }

    #[test]
    fn a_rate_limit_is_two_words_or_one_and_no_end_of_another() {
        for code in ["open.api.rate.limited", "apikey.rateLimit", "x.RATE_LIMITED", "gateway.ratelimited"] {
            let limited = meaning(Door::VisitorChat, code).map(|(kind, _)| kind);
            assert_eq!(limited, Some(ErrorKind::RateLimited), "{code}");
            assert!(is_retryable_code(code) && !is_payment_code(code), "{code}");
        }
        for code in ["session.generate.limit", "reply.generateLimit", "corporate_limit", "generatelimit"] {
            assert!(meaning(Door::VisitorChat, code).is_none() && !is_retryable_code(code), "{code}");
        }
        assert!(is_payment_code("freeUsedUp.generateLimit"));
        assert!(!is_payment_code("user.of.reentry") && !names_the_token("app.to.kennel"));
    }

    #[test]
    fn a_code_of_an_allowance_is_one_of_money_and_one_of_a_rate_is_not() {
        for code in [
            "avatar.unlock.required",
            "package.turn.exhaustion",
            "freeUsedUp.byokPlan",
            "owner.quota.exceeded",
            "user.tokenQuota.usedUp",
            "avatar_unlock_required",
            "visitor.free.used_up",
        ] {
            assert!(is_payment_code(code) && is_answer_code(code), "{code}");
            assert!(!is_retryable_code(code) && !names_the_token(code), "{code}");
        }
        for code in [
            "open.api.rate.limited",
            "session.message.exceedQPSLimit",
            "umm.msg.exceedQPSLimit",
            "umm.quota.exceedQPSLimit",
            "session.message.exceedRequestLimit",
            "message.length.limit",
            "avatar.unlock",
            "apikey.quota.rate_limited",
            "account.freezed",
        ] {
            assert!(!is_payment_code(code), "{code}");
        }
    }
}
