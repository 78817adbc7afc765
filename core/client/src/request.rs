//! Calls of the service that this library does not know.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use secondme_avatar_protocol::{
    CallId, Door, Encoding, Error, ErrorKind, HttpRequest, Input, Method, Millis, OtherFailure, Secret, Step,
    Visitor, read_other,
};
use serde_json::value::RawValue;

use crate::client_inner::ClientInner;
use crate::errors::client_closed;
use crate::quota::{QuotaPermit, QuotaWait};

/// How often a path is decoded before it counts as one that hides something.
const DECODED: usize = 3;

/// A call, checked.
pub(crate) struct OtherCall {
    method: Method,
    path: String,
    body: Option<String>,
}

impl OtherCall {
    /// Checks that the call stays below the base URL, whatever a server makes of its path, and that its body is JSON.
    pub(crate) fn new(method: &str, path: &str, body: Option<String>) -> Result<Self, Error> {
        let Some(known) = Method::named(method) else {
            return misuse("the method is unknown: use GET, POST, PUT, PATCH or DELETE");
        };
        check_path(path)?;
        if known == Method::Get && body.is_some() {
            return misuse("a GET has no body: write what is asked for into the path's query");
        }
        if body.as_ref().is_some_and(|body| serde_json::from_str::<&RawValue>(body).is_err()) {
            return misuse("the body is not valid JSON");
        }
        Ok(Self { method: known, path: path.to_owned(), body })
    }

    fn with(&self, headers: Vec<(&'static str, Secret)>) -> HttpRequest {
        HttpRequest {
            call: CallId(0),
            step: Step::Request,
            method: self.method,
            path: self.path.clone(),
            headers,
            body: self.body.clone(),
            encoding: Encoding::Json,
        }
    }
}

impl ClientInner {
    /// Makes the call, with the visitor's token or with the API key. Returns the answer's `data`.
    pub(crate) async fn request(
        self: &Arc<Self>,
        call: OtherCall,
        visitor: Option<Visitor>,
        until: Millis,
    ) -> Result<String, Error> {
        self.is_there()?;
        let work = async {
            match &visitor {
                Some(visitor) => self.request_as(&call, visitor, until).await,
                None => self.request_with_key(&call, until).await,
            }
        };
        tokio::select! {
            biased;
            answer = work => answer,
            () = self.closing.cancelled() => Err(client_closed()),
            () = self.env.clock.at(until) => Err(Error::deadline("the request", None).at(Step::Request)),
        }
    }

    async fn request_as(
        self: &Arc<Self>,
        call: &OtherCall,
        visitor: &Visitor,
        until: Millis,
    ) -> Result<String, Error> {
        let token = self.token_for(visitor, None, until).await?;
        let failure = match self.exchange(call, headers(&self.door(), visitor, &token), Some(visitor)).await?
        {
            Ok(data) => return Ok(data),
            Err(failure) => failure,
        };
        if !failure.blames_token {
            return Err(failure.error);
        }
        let token = self.token_for(visitor, Some(token), until).await?;
        let again = self.exchange(call, headers(&self.door(), visitor, &token), Some(visitor)).await?;
        again.map_err(|failure| failure.error)
    }

    async fn request_with_key(self: &Arc<Self>, call: &OtherCall, until: Millis) -> Result<String, Error> {
        let key = self.key()?;
        let permit = match self.door().counts_authentications() {
            true => Some(self.permit(until).await?),
            false => None,
        };
        let bearer = vec![("Authorization", bearer(key.as_secret()))];
        let answer = self.exchange(call, bearer, None).await;
        permit.into_iter().for_each(QuotaPermit::finish);
        answer?.map_err(|failure| {
            if let (ErrorKind::RateLimited, Some(wait)) = (failure.error.kind(), failure.error.retry_after())
            {
                self.env.quota.hold_until(self.env.clock.now() + wait);
            }
            failure.error
        })
    }

    /// Waits for a slot of the key's quota, unless it comes too late.
    async fn permit(&self, until: Millis) -> Result<QuotaPermit, Error> {
        let mut permit = self.env.quota.join();
        let mut told = None;
        while !permit.try_acquire() {
            if let Some(at) = permit.expected_at().filter(|at| *at > until) {
                let wait = at.since(self.env.clock.now());
                let message = "the quota of the API key is used up, and has no slot before the deadline";
                let error = Error::new(ErrorKind::RateLimited, message).at(Step::Request);
                return Err(error.with_retry_after(Some(wait)));
            }
            if let QuotaWait::Expected(at) = permit.acquire(told).await {
                told = Some(at);
            }
        }
        permit.used();
        Ok(permit)
    }

    /// The visitor's token, another one than that which was refused.
    async fn token_for(
        self: &Arc<Self>,
        visitor: &Visitor,
        refused: Option<Secret>,
        until: Millis,
    ) -> Result<Secret, Error> {
        if self.door() == Door::AvatarOpenApi {
            return Ok(self.identity(visitor, refused.as_ref(), until).await?.token);
        }
        match self.env.tokens.get(&self.env, visitor.id().clone(), CallId(0), refused).await {
            Input::TokenGranted { token, .. } => Ok(token),
            Input::TokenFailed { error, .. } => Err(error),
            _ => Err(crate::errors::unexpected()),
        }
    }

    async fn exchange(
        &self,
        call: &OtherCall,
        headers: Vec<(&'static str, Secret)>,
        visitor: Option<&Visitor>,
    ) -> Result<Result<String, OtherFailure>, Error> {
        let request = call.with(headers);
        let known = self.env.http.known_secrets(&request);
        let running = visitor.map(|visitor| self.env.on_call.begin(visitor.id(), Step::Request));
        let answer = self.env.http.exchanged(request).await.map_err(|error| error.at(Step::Request));
        let server_time = answer.as_ref().ok().and_then(|answer| answer.server_time);
        let read = answer
            .map(|answer| read_other(self.door(), answer.status, answer.retry_after, &answer.body, &known));
        if let Some(running) = running {
            let failed = match &read {
                Ok(Ok(_)) => None,
                Ok(Err(failure)) => Some(failure.error.clone()),
                Err(error) => Some(error.clone()),
            };
            running.end(|| (failed, server_time));
        }
        read
    }

    fn door(&self) -> Door {
        self.env.settings.config.door
    }
}

/// What a call of a visitor shows.
fn headers(door: &Door, visitor: &Visitor, token: &Secret) -> Vec<(&'static str, Secret)> {
    match door {
        Door::AvatarOpenApi => {
            vec![("token", token.clone()), ("Fp", Secret::from(visitor.id().as_str().to_owned()))]
        }
        Door::VisitorChat => vec![("Authorization", bearer(token))],
    }
}

fn bearer(secret: &Secret) -> Secret {
    Secret::from(format!("Bearer {}", secret.expose_secret()))
}

fn misuse<T>(message: &str) -> Result<T, Error> {
    Err(Error::new(ErrorKind::Misuse, message))
}

/// Checks that a path leads to below the base URL: for this library, and for a server or a proxy that decodes it once
/// more.
fn check_path(path: &str) -> Result<(), Error> {
    let (asked, query) = path.split_once('?').unwrap_or((path, ""));
    if !asked.starts_with('/') || asked.starts_with("//") {
        return misuse(
            "the path has to begin with one slash, and goes on after the base URL: `/rest/…`; it is not a whole URL",
        );
    }
    if !asked.bytes().all(|byte| is_of_path(byte) || byte == b'%')
        || !query.bytes().all(|byte| is_of_path(byte) || matches!(byte, b'%' | b'?'))
        || !is_encoded(path)
    {
        return misuse(
            "the path has a character that no URL has as it stands, such as a space, a line break or `#`: \
             percent-encode it",
        );
    }
    if asked[1..].split('/').any(leads_elsewhere) {
        return misuse(
            "the path has `.` or `..`, or a slash or another character that is hidden in an encoding, and could lead to \
             outside of the base URL: write the path out",
        );
    }
    Ok(())
}

/// Whether a segment is one that servers resolve, or becomes one when it is decoded.
fn leads_elsewhere(segment: &str) -> bool {
    let mut segment = segment.to_owned();
    for _ in 0..DECODED {
        // Some servers drop what comes after a semicolon before they resolve the rest.
        let name = segment.split(';').next().unwrap_or_default();
        if matches!(name, "." | "..") || segment.contains(['/', '\\']) || segment.contains(char::is_control) {
            return true;
        }
        match percent_decode_str(&segment).decode_utf8() {
            Ok(decoded) if decoded == segment => return false,
            Ok(decoded) => segment = decoded.into_owned(),
            Err(_) => return true,
        }
    }
    true
}

/// Whether each percent sign is followed by two hexadecimal digits.
fn is_encoded(path: &str) -> bool {
    path.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// The characters of RFC 3986 that a path may have as they stand.
fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_below_the_base_url_or_is_refused() {
        for good in [
            "/rest/general/message/latest?sessionId=a%2Fb&x=../..",
            "/",
            "/a//b",
            "/a/%E5%BC%A0",
            "/a..b/...",
            "/a%20b?q=1?2",
            "/v1/a:b@c;d=e",
        ] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "rest/a",
            "//evil.example/a",
            "https://evil.example/",
            "/../a",
            "/a/..",
            "/a/./b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/a/%252e%252e/b",
            "/a/%25252e%25252e/b",
            "/a/..%2fb",
            "/a/b%5Cc",
            "/a/%00",
            "/a/..;x=1/b",
            "/a\\..\\b",
            "/a b",
            "/a\r\nHost: evil.example",
            "/a\t",
            "/a#b",
            "/a%2",
            "/a%zz",
            "/a/%ff",
            "/张",
            "/a?b c",
            "/a?b#c",
            "/@evil.example:1/..",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
