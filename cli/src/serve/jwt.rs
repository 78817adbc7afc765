//! The token in which Open WebUI says who asks: a JWT, signed with HS256.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Deserialize;

/// How far two clocks may be apart.
const LEEWAY: Duration = Duration::from_secs(30);

/// The secret of both sides.
pub(super) struct Secret(hmac::Key);

impl Secret {
    pub(super) fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What such a token says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Claims {
    /// The user's id.
    pub(super) sub: String,
    pub(super) name: Option<String>,
    /// When it ends, in seconds since 1970.
    exp: u64,
    /// Since when it counts.
    nbf: Option<u64>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    /// Extensions that have to be understood.
    crit: Option<serde_json::Value>,
}

/// Returns what the token says, if this secret has signed it and it has not ended.
pub(super) fn verify(token: &str, secret: &Secret, now: SystemTime) -> Result<Claims, String> {
    let not_one = || "X-OpenWebUI-User-Jwt holds no JWT".to_owned();
    let (signed, signature) = token.rsplit_once('.').ok_or_else(not_one)?;
    let (head, claims) = signed.split_once('.').ok_or_else(not_one)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| not_one());
    let head: Head = serde_json::from_slice(&decode(head)?).map_err(|_| not_one())?;
    if head.alg != "HS256" || head.crit.is_some() {
        return Err("X-OpenWebUI-User-Jwt is not signed with HS256".to_owned());
    }
    if hmac::verify(&secret.0, signed.as_bytes(), &decode(signature)?).is_err() {
        return Err(
            "X-OpenWebUI-User-Jwt was signed with another secret than SECONDME_SERVE_OPENWEBUI_SECRET"
                .to_owned(),
        );
    }
    let claims: Claims = serde_json::from_slice(&decode(claims)?)
        .map_err(|_| "X-OpenWebUI-User-Jwt names no user (`sub`) or no end (`exp`)".to_owned())?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let leeway = LEEWAY.as_secs();
    if now > claims.exp.saturating_add(leeway)
        || claims.nbf.is_some_and(|from| now.saturating_add(leeway) < from)
    {
        return Err(
            "X-OpenWebUI-User-Jwt does not count at this time: the clocks of the two machines may differ"
                .to_owned(),
        );
    }
    if claims.sub.is_empty() {
        return Err("X-OpenWebUI-User-Jwt names no user".to_owned());
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn token(head: Value, claims: Value, secret: &str) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let tag = hmac::sign(&Secret::new(secret).0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    fn verified(token: &str) -> Result<Claims, String> {
        verify(token, &Secret::new("s3cret"), UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn what_open_webui_signs_is_believed() {
        let claims = json!({"sub": "u-1", "name": "张三", "email": "a@b.c", "role": "user", "exp": NOW + 300, "iat": NOW});
        let read = verified(&token(json!({"alg": "HS256", "typ": "JWT"}), claims, "s3cret")).unwrap();
        assert_eq!((read.sub.as_str(), read.name.as_deref()), ("u-1", Some("张三")));
    }

    #[test]
    fn anything_else_is_not() {
        let head = || json!({"alg": "HS256"});
        let claims = || json!({"sub": "u-1", "exp": NOW + 300});
        let good = token(head(), claims(), "s3cret");
        let (signed, _) = good.rsplit_once('.').unwrap();
        for (bad, why) in [
            (token(head(), claims(), "another"), "another secret"),
            (token(json!({"alg": "none"}), claims(), "s3cret"), "not signed with HS256"),
            (token(json!({"alg": "HS256", "crit": ["b64"]}), claims(), "s3cret"), "not signed with HS256"),
            (token(head(), json!({"sub": "u-1", "exp": NOW - 31}), "s3cret"), "does not count"),
            (
                token(head(), json!({"sub": "u-1", "exp": NOW + 1, "nbf": NOW + 31}), "s3cret"),
                "does not count",
            ),
            (token(head(), json!({"sub": "u-1"}), "s3cret"), "no end"),
            (token(head(), json!({"exp": NOW + 300}), "s3cret"), "no user"),
            (token(head(), json!({"sub": "", "exp": NOW + 300}), "s3cret"), "no user"),
            (format!("{signed}."), "another secret"),
            (signed.to_owned(), "no JWT"),
            ("a.b.c".to_owned(), "no JWT"),
            (String::new(), "no JWT"),
        ] {
            let error = verified(&bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
