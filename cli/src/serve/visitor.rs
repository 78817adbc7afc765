//! Who asks: the person behind a request.

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use secondme_avatar::Visitor;

use super::jwt;
use super::question::Named;
use super::refusal::Refusal;

/// The person that all are who name none, with `--one-visitor`.
const EVERYONE: &str = "everyone";

/// A person, as a caller names them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    id: String,
    name: Option<String>,
}

/// How the person is found out.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// The secret with which Open WebUI signs.
    pub(super) open_webui: Option<jwt::Secret>,
    pub(super) one_visitor: bool,
}

impl Person {
    fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), name: None }
    }

    /// The person as a visitor of the avatar. Two callers never share one.
    pub(super) fn visitor(&self, caller: &str) -> Result<Visitor, Refusal> {
        let unfit =
            |error: secondme_avatar::InvalidVisitor| Refusal::invalid("invalid_visitor", error.to_string());
        let visitor = Visitor::for_user(caller, &self.id).map_err(unfit)?.tag(self.id.as_str());
        let visitor = match &self.name {
            Some(name) => visitor.name(name).channel(caller),
            None => visitor,
        };
        visitor.check().map_err(unfit)?;
        Ok(visitor)
    }
}

impl Naming {
    /// The first name that there is, in the order of docs/gateway.md. None, where there is no name.
    pub(super) fn person(
        &self,
        headers: &HeaderMap,
        named: Named,
        suffix: Option<String>,
    ) -> Result<Option<Person>, Refusal> {
        let by_headers = match plain(headers)? {
            Some(person) => Some(person),
            None => match self.of_open_webui(headers)? {
                Some(person) => Some(person),
                // A hash of the person or the group, which LangBot sends where a model's settings say so.
                None => text(headers, "x-langbot-conversation-id")?.map(Person::new),
            },
        };
        let of_body = || [named.safety_identifier, named.user, named.metadata, suffix].into_iter().flatten();
        let named = by_headers.or_else(|| of_body().find(|id| !id.trim().is_empty()).map(Person::new));
        Ok(named.or_else(|| self.one_visitor.then(|| Person::new(EVERYONE))))
    }

    fn of_open_webui(&self, headers: &HeaderMap) -> Result<Option<Person>, Refusal> {
        let signed = text(headers, "x-openwebui-user-jwt")?;
        match (&self.open_webui, signed) {
            (Some(secret), Some(token)) => {
                let claims =
                    jwt::verify(token, secret, std::time::SystemTime::now()).map_err(Refusal::identity)?;
                Ok(Some(Person { id: claims.sub, name: claims.name }))
            }
            (None, Some(_)) => Err(Refusal::invalid(
                "visitor_required",
                "Open WebUI signs who asks, and the gateway cannot check it: set SECONDME_SERVE_OPENWEBUI_SECRET to the \
                 same as FORWARD_USER_INFO_HEADER_JWT_SECRET there",
            )),
            // What is not signed could be anyone's, where it should be signed.
            (Some(_), None) => Ok(None),
            (None, None) => {
                let id = text(headers, "x-openwebui-user-id")?;
                let name = text(headers, "x-openwebui-user-name")?;
                Ok(id.map(|id| Person { id: id.to_owned(), name: name.map(decoded) }))
            }
        }
    }
}

fn plain(headers: &HeaderMap) -> Result<Option<Person>, Refusal> {
    let name = text(headers, "x-avatar-visitor-name")?;
    Ok(text(headers, "x-avatar-visitor")?.map(|id| Person { id: decoded(id), name: name.map(decoded) }))
}

/// A header, where it is there and says something. An unfilled template such as `{{USER_ID}}` would be one visitor for all.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let Ok(value) = std::str::from_utf8(value.as_bytes()) else {
        return Err(Refusal::invalid(
            "invalid_header",
            format!("the header `{name}` is not UTF-8: percent-encode it"),
        ));
    };
    let value = value.trim();
    if value.starts_with("{{") && value.ends_with("}}") {
        let message = format!(
            "the header `{name}` holds {value} as it stands: the program fills in no such template, and all its users \
             would be one visitor"
        );
        return Err(Refusal::invalid("visitor_required", message));
    }
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// The text with `%XX` decoded; as it stands where that is no text.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

/// What to do about it, for the program that asks.
const REMEDIES: [(&str, &str); 11] = [
    ("open-webui", "in Open WebUI, set ENABLE_FORWARD_USER_INFO_HEADERS=true"),
    ("openwebui", "in Open WebUI, set ENABLE_FORWARD_USER_INFO_HEADERS=true"),
    // What Open WebUI sends with, where it does not name itself.
    (
        "aiohttp",
        "in Open WebUI, set ENABLE_FORWARD_USER_INFO_HEADERS=true; in another program, send the header X-Avatar-Visitor",
    ),
    (
        "librechat",
        "in librechat.yaml, give the endpoint the header X-Avatar-Visitor: \"{{LIBRECHAT_USER_ID}}\"",
    ),
    ("dify", "in Dify, send `user` with each call of the app's API"),
    (
        "n8n",
        "in n8n, add the header X-Avatar-Visitor to the credential or the node's options, such as {{ $json.sessionId }}",
    ),
    (
        "langbot",
        "in LangBot, give the model the extra argument {\"request_policy\": {\"conversation_header\": \"x-langbot-conversation-id\"}}",
    ),
    ("litellm", "LiteLLM drops `user`: pass extra_headers={\"X-Avatar-Visitor\": \"…\"}"),
    ("ai-sdk", "with AI SDK, pass headers: { 'X-Avatar-Visitor': '…' }, or providerOptions with `user`"),
    (
        "openai/python",
        "with OpenAI's SDK, pass safety_identifier=\"…\", or extra_headers={\"X-Avatar-Visitor\": \"…\"}",
    ),
    (
        "openai/js",
        "with OpenAI's SDK, pass safety_identifier: '…', or the option headers: { 'X-Avatar-Visitor': '…' }",
    ),
];

/// What to do so that the request says which person asks, in the program that sends it.
pub(super) fn remedy(headers: &HeaderMap) -> &'static str {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    REMEDIES.iter().find(|(name, _)| agent.contains(name)).map_or(
        "send the header X-Avatar-Visitor with the id that your program has for the person, or `user` in the body",
        |(_, remedy)| remedy,
    )
}

pub(super) fn nameless(remedy: &str) -> Refusal {
    let message = format!(
        "the request does not say which person asks, and without that all would share one conversation: {remedy}. \
         Where one person alone uses the program, start the gateway with --one-visitor"
    );
    Refusal::invalid("visitor_required", message).at("user")
}
