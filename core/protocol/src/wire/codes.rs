//! What the service's failure codes mean, by their names.

/// What is said of a failure for money, wherever it comes from.
pub(crate) const ALLOWANCE_USED_UP: &str = "the owner's or the visitor's allowance is used up: it has to be paid for in the SecondMe app, and trying again does not help";

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
    let code = code.to_ascii_lowercase();
    let is_rate = code.contains("qps") || code.contains("rate.limit");
    code == "avatar.unlock.required"
        || (!is_rate && ["quota", "freeusedup", "exhaustion"].iter().any(|word| code.contains(word)))
}

/// Whether it is about the visitor token. One that tells of used-up tokens of a language model is about money.
pub(crate) fn names_the_token(code: &str) -> bool {
    let names_it = code.to_ascii_lowercase().contains("token") || code == "resource.auth.unauthorized";
    names_it && !is_payment_code(code)
}

/// Whether the session is not there (any more). Only `session.status.closed` has been seen; the other codes are
/// guesses, or looked for by clients.
pub(crate) fn names_a_lost_session(code: &str) -> bool {
    let code = code.to_ascii_lowercase().replace(['_', '-'], ".");
    let fates = ["status.closed", "not.found", "not.exist", "not.exists", "expired", "closed"];
    let about = code.strip_prefix("session.").or_else(|| code.split_once(".session.").map(|(_, rest)| rest));
    about.is_some_and(|fate| fates.contains(&fate))
}

pub(crate) fn is_documented(code: &str) -> bool {
    code.starts_with("open.api.") || code == "session.not.member"
}

/// Codes of failures that pass on their own.
pub(crate) fn is_retryable_code(code: &str) -> bool {
    matches!(
        code,
        "service.status.unavailable"
            | "session.openai.error"
            | "session.message.exceedQPSLimit"
            | "umm.msg.exceedQPSLimit"
            | "session.response.timeout"
            | "open.api.rate.limited"
    )
}

/// Codes that come over the socket instead of an answer to a message.
pub(crate) fn is_answer_code(code: &str) -> bool {
    is_retryable_code(code)
        || is_payment_code(code)
        || matches!(code, "session.message.exceedRequestLimit" | "message.length.limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_an_allowance_is_one_of_money_and_one_of_a_rate_is_not() {
        for code in [
            "avatar.unlock.required",
            "package.turn.exhaustion",
            "freeUsedUp.byokPlan",
            "owner.quota.exceeded",
            "user.tokenQuota.usedUp",
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
        ] {
            assert!(!is_payment_code(code), "{code}");
        }
    }
}
