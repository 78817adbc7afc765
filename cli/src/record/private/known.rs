//! What is known to be harmless. Everything else is replaced.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The words of the protocol, in lower case. A code such as `open.api.key.not.found`, a type, a part of a path or an
/// error text is kept if it consists of them alone, for then it names no person and tells no secret.
const WORDS: &str = "\
    a about above accept accepted access account ack action active address admin after again all allowed already \
    always an and anonymous answer any api apikey app application approved are array as ask at attempt audio auth \
    authenticated authentication authorisation authorization avatar avoid available bad balance banned be bearer \
    because before begin belong belongs between bind body boolean bot bound busy but by byok bytes cache call can \
    cannot card channel character characters chat check citation client close closed cmd code concurrent conflict \
    connect connected connection content context could create created credential credentials credit credits daily \
    data database day days deadline delete deleted delta denied detail device did direction disabled disconnected do \
    does done down duplicate each empty enabled encoding encrypted end ended endpoint ending enough error event \
    exceed exceeded exceeds exception exhausted exhaustion exist existing exists expect expected expire expired \
    expires expiry expression external extra failed failure fail false fatal feature fetch field file first \
    following for forbidden form format forward backward found frame free from full future gate gateway general get \
    given go gone grant group handshake has have header heartbeat hint hour hours http https id identifier if illegal image \
    in inactive index info init insufficient integer interface internal invalid is it item json keep key lab large \
    last latest length less level limit limited link list live lock locked log login logout long longer lost main \
    many match max maximum media member message messages method mind minimum min minute minutes mismatch missing \
    mode model module money month monthly more moved msg multipart multiple must name need needed network new next no \
    none not notice notification notify null number oauth2 oauth object of off offline ok old on once one online only \
    open openai os or order other out over owner package page param parameter parameters params parse part party \
    password path pay payload payment pending permanent permission permitted personal ping plan please pong port \
    present private process profile provided proxy public push qps query question queue quick quota rate read ready \
    reason received recommend refresh refused register registered reject rejected release rest replaced reply request \
    requests required resend reset resource response restart result resume retry review revoked role room route \
    running same scope second secondme seconds secret secrets seen send sender sent server service session sessions \
    shadow share shop should shutdown signature simple since single size slow socket some something source sources \
    speech standard start started state status still stop stopped stream string subscription success suspended sys \
    system table take taken target task template temporarily temporary text than that the their then there third this \
    throttled time timed timeout times timestamp to today token tokens too top total try turn type umm unauthorized \
    unable unavailable unexpected unknown unlock unprocessable unreachable unsupported until update updated upgrade \
    upload url usage use used user valid validation value verification version video view visitor visitors voice wait \
    was web websocket week were when which will with without word write wrong wss ws year yes yet you your zero \
    be lba up entity html nginx cloudflare envoy openresty kong istio tengine cloudfront akamai traefik caddy \
    varnish apache jetty tomcat uvicorn gunicorn express alive chunked gzip br deflate identity zstd utf octet \
    plain urlencoded x www mime charset cors origin extension extensions permessage takeover window bits \
    mindverse chat-write usedup exceedrequestlimit exceedqpslimit";

/// Fields whose names are kept, beside those that look like names of fields: written without `_` and `-`, in lower
/// case.
const FIELDS: &str = "loc in ctx ty";

/// Names before an id that say which kind it is, or on which platform.
const PREFIXES: [&str; 18] = [
    "sk", "lba", "at", "rt", "visitor", "opc", "web", "cli", "doctor", "telegram", "discord", "slack",
    "feishu", "wechat", "whatsapp", "ios", "android", "scenario",
];

/// Hosts of the vendor, and this machine.
const HOSTS: [&str; 12] = [
    "mindos.mindverse.ai",
    "mindos-prek8s.mindverse.ai",
    "api.mindverse.com",
    "mindverse.ai",
    "mindverse.com",
    "second.me",
    "app.second.me",
    "second-me.cn",
    "app.second-me.cn",
    "localhost",
    "127.0.0.1",
    "::1",
];

/// The ends of the vendor's hosts. Labels before them are kept if they are words of the protocol.
const VENDORS: [&str; 4] = [".mindverse.ai", ".mindverse.com", ".second.me", ".second-me.cn"];

/// Programs whose names and versions may stand in `User-Agent`.
const PROGRAMS: [&str; 22] = [
    "secondme-avatar",
    "python-requests",
    "python-httpx",
    "httpx",
    "python-urllib",
    "python",
    "aiohttp",
    "websockets",
    "websocket-client",
    "node",
    "undici",
    "axios",
    "node-fetch",
    "got",
    "okhttp",
    "ktor-client",
    "java-http-client",
    "curl",
    "go-http-client",
    "reqwest",
    "cfnetwork",
    "rust",
];

/// What a string field holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A name of the protocol: a type, a mode, a code.
    Word,
    /// Words of the service about a failure.
    Failure,
    /// `1.3.0`.
    Version,
    /// A point in time.
    Time,
    /// Something that names a person, a thing or a secret: numbers are replaced however small they are.
    Id,
    /// A span of time or a number of things.
    Amount,
    /// Anything else.
    Other,
}

const WORD_FIELDS: &str = "type sender singledatatype datatype mindtype mode sessiontype granttype tokentype scope code subcode \
    errorcode error direction role status state templatename channel subcodeactions event loc kind how";
const FAILURE_FIELDS: &str = "message msg detail reason errormessage errormsg errordescription subcodereason";
const VERSION_FIELDS: &str = "apiversion sdkversion version";
const TIME_FIELDS: &str = "ts date timestamp expires expiry created updated";
const AMOUNT_FIELDS: &str =
    "expiresin expirein ttl limit quota retryafter duration size total length width height interval";
/// Ends of the names of what names something.
const IDS: [&str; 11] = [
    "id",
    "ids",
    "token",
    "key",
    "secret",
    "sharecode",
    "sessioncode",
    "address",
    "name",
    "phone",
    "account",
];

pub(super) fn class(field: &str) -> Class {
    let name = plain(field);
    let is = |list: &str| list.split_ascii_whitespace().any(|known| known == name);
    if is(WORD_FIELDS) {
        Class::Word
    } else if is(FAILURE_FIELDS) {
        Class::Failure
    } else if is(VERSION_FIELDS) {
        Class::Version
    } else if is(AMOUNT_FIELDS) {
        Class::Amount
    } else if IDS.iter().any(|end| name.ends_with(end)) {
        Class::Id
    } else if is(TIME_FIELDS) || name.ends_with("time") || name.ends_with("timestamp") || ends_with_at(field)
    {
        Class::Time
    } else {
        Class::Other
    }
}

/// `createdAt`, `created_at`.
fn ends_with_at(field: &str) -> bool {
    field.ends_with("At") || field.ends_with("_at")
}

/// Whether a name may stand as the name of a field. Names of the protocol may; another must look like one.
pub(super) fn is_field_name(name: &str) -> bool {
    FIELDS.split_ascii_whitespace().any(|known| known == plain(name))
        || is_of_words(name)
        || looks_like_field(name)
}

/// `snake_case` or `camelCase`, of few and short words, with two digits at most, which stand at its end.
fn looks_like_field(name: &str) -> bool {
    let letters = name.trim_end_matches(|last: char| last.is_ascii_digit());
    let joints = letters.chars().filter(|letter| letter.is_ascii_uppercase() || *letter == '_').count();
    (2..=28).contains(&letters.len())
        && name.len() - letters.len() <= 2
        && joints <= 4
        && !letters.ends_with('_')
        && !letters.contains("__")
        && letters.starts_with(|first: char| first.is_ascii_lowercase())
        && letters.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '_')
        && letters.split('_').flat_map(self::humps).all(|word| word.len() <= 12)
}

/// Whether a text consists of words of the protocol, joined by dots, dashes, underscores or capitals.
pub(crate) fn is_of_words(text: &str) -> bool {
    let known = |part: &str| {
        is_word(&part.to_ascii_lowercase()) || humps(part).all(|hump| is_word(&hump.to_ascii_lowercase()))
    };
    !text.is_empty()
        && text.len() <= 96
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && text.split(['.', '-', '_']).all(|part| part.is_empty() || known(part))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

pub(super) fn is_word(word: &str) -> bool {
    static SET: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_ascii_whitespace().collect());
    SET.contains(word)
}

/// The parts of `restartSession`: each begins with a capital.
fn humps(part: &str) -> impl Iterator<Item = &str> {
    let mut rest = part;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?.len_utf8();
        let end = rest[first..]
            .find(|letter: char| letter.is_ascii_uppercase())
            .map_or(rest.len(), |at| at + first);
        let (hump, after) = rest.split_at(end);
        rest = after;
        Some(hump)
    })
}

pub(super) fn is_prefix(word: &str) -> bool {
    PREFIXES.contains(&word)
}

pub(super) fn is_version(text: &str) -> bool {
    let parts = text.split('.').count();
    (1..=4).contains(&parts)
        && text
            .split('.')
            .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a word begins a key or a token of the service.
pub(super) fn is_key_prefix(word: &str) -> bool {
    matches!(word, "sk" | "lba" | "at" | "rt")
}

/// Whether a host is the vendor's or this machine.
pub(super) fn is_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let vendor =
        |end: &str| bare.strip_suffix(end).is_some_and(|before| !before.is_empty() && is_of_words(before));
    HOSTS.contains(&bare) || VENDORS.into_iter().any(vendor)
}

pub(super) fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name.to_ascii_lowercase().as_str())
}

fn plain(field: &str) -> String {
    field
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_protocol_are_made_of_its_words() {
        for code in [
            "open.api.key.not.found",
            "session.not.member",
            "session.message.exceedQPSLimit",
            "umm.msg.exceedQPSLimit",
            "package.turn.exhaustion",
            "freeUsedUp.byokPlan",
            "oauth2.client.secret_mismatch",
            "avatar.unlock.required",
            "restartSession",
            "StandardCard",
            "visitor-chat",
        ] {
            assert!(is_of_words(code), "{code}");
        }
        for other in ["sk-0a1b", "ada", "open.api.ada", "", "...", "visitor_1", "12", "hello there"] {
            assert!(!is_of_words(other), "{other}");
        }
    }

    #[test]
    fn names_of_fields_look_like_names_of_fields() {
        for name in
            ["sessionId", "session_id", "brandNewField", "deviceId2", "loc", "x_trace_id", "multipleData"]
        {
            assert!(is_field_name(name), "{name}");
        }
        for other in [
            "hello world",
            "Ada",
            "sk-1",
            "eyJhbGciOiJIUzI1",
            "a1b2",
            "487569763543990272",
            "",
            "ünicode",
            "x".repeat(29).as_str(),
        ] {
            assert!(!is_field_name(other), "{other}");
        }
    }

    #[test]
    fn the_vendor_s_hosts_are_known_and_no_other() {
        for host in ["api.mindverse.com", "ws.mindverse.com", "gateway-ws.mindverse.ai", "[::1]", "localhost"]
        {
            assert!(is_host(host), "{host}");
        }
        for host in
            ["ada.mindverse.com", "mindverse.com.example.com", "example.com", "10.0.0.1", ".second.me"]
        {
            assert!(!is_host(host), "{host}");
        }
    }
}
