//! Every duration and every limit of the machine, each with its reason.

use std::time::Duration;

/// Between two pings. The vendor's API page: "Send ping every 15 seconds or the connection will drop".
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// The fastest heartbeat a caller may ask for: the vendor's own clients beat every 5 s.
pub const HEARTBEAT_MIN: Duration = Duration::from_secs(5);

/// Pings go out at whole multiples of this, so that one wake of the process serves those of many visitors.
pub const PING_STEP: Duration = Duration::from_millis(100);

/// Pings in a row without any sign of life that make a link dead, if it has ever answered one.
pub const UNANSWERED_PINGS: u32 = 2;

/// How long what `chat/init` stored can be used for a new session. The vendor's API page says 10 minutes, counted
/// here from before the call went out; the margin is for the way to the service and back.
pub const CONTEXT_LIFETIME: Duration = Duration::from_secs(10 * 60 - 15);

/// How long a socket address can be connected to. The vendor's API page says 60 s; margin as above.
pub const ADDRESS_LIFETIME: Duration = Duration::from_secs(60 - 5);

/// How many attempts an address of Visitor Chat is good for within its lifetime: whether it serves a second connection
/// is open, and one that does not would keep the visitor away until it is too old.
pub const ADDRESS_ATTEMPTS: u32 = 2;

/// How long the echo of a message may take to be known by the message's text (Visitor Chat).
pub const ECHO_BY_TEXT: Duration = Duration::from_secs(30);

/// Echoes that have to carry a user id before it is taken for the visitor's own whatever the text (Visitor Chat): one
/// may be the owner's, who has said the same.
pub const OWN_USER_ECHOES: u32 = 2;

/// How long before its end an app's token is fetched anew (Visitor Chat): so do programs that are deployed.
pub const TOKEN_RENEWAL: Duration = Duration::from_secs(5 * 60);

/// How long an app's token lives where the service does not say (Visitor Chat): the vendor's page says 7 days.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How soon after its fetch a refusal of an app's token says that the next one may be refused as well (Visitor Chat): a
/// token lives for days, and one that was revoked by hand is rarely followed by another.
pub const TOKEN_SHORT_LIFE: Duration = Duration::from_secs(5 * 60);

/// The longest that a function of the caller's may take to give a user's token or credentials. Longer than a call of
/// another service takes, and inside [`OPEN_DEADLINE`], so that the error of an opening says what was in the way.
pub const TOKEN_FUNCTION_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest a WebSocket handshake may take. Well inside the address's 60 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest one HTTP attempt may take before it is given up and perhaps tried again.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The ceiling of the first wait before something is tried again. Waits are drawn from zero to the
/// ceiling ("full jitter"), so that ten thousand clients do not come back in step.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(300);

/// Where the doubling of that ceiling ends.
pub const BACKOFF_MAX: Duration = Duration::from_secs(20);

/// The shortest wait before another attempt, even when a command of the caller needs the link now.
pub const HURRY: Duration = Duration::from_secs(1);

/// How long a link must have been up before the next loss starts again at the first wait: a server
/// that accepts and drops at once must not be hammered.
pub const LINK_PROVEN: Duration = Duration::from_secs(30);

/// How many links in a row that were lost before [`LINK_PROVEN`] are too many for chance: another process
/// has the visitor open, or something on the way cuts connections.
pub const SHORT_LIVES: u32 = 2;

/// The ceiling of the wait after that many of them, from which it doubles. At least half of it is waited,
/// so that two processes do not take the visitor from each other several times a second.
pub const BACKOFF_CONTESTED: Duration = Duration::from_secs(5);

/// Where the doubling of that ceiling ends for links that the service closed with a code which refuses them (1008, or
/// 4000 to 4999), and for an app's tokens that are refused soon after their fetch: there, it is the answer that does
/// not change soon.
pub const BACKOFF_REFUSED_MAX: Duration = Duration::from_secs(60);

/// How often an answer that is not of the service's form (a proxy's page, half a JSON) is tried
/// again while opening: a wrong base URL must not look like a slow one.
pub const MALFORMED_ANSWER_ATTEMPTS: u32 = 3;

/// Silence after a piece that ends a reply whose end mark never came.
pub const REPLY_IDLE: Duration = Duration::from_secs(3);

/// How long an echo may take to confirm a message whose HTTP answer was lost.
pub const CONFIRMATION_WAIT: Duration = Duration::from_secs(3);

/// How soon the service is asked again for what it does not send by itself, while more comes of it.
/// Below [`REPLY_IDLE`], so that a reply that comes this way is not taken for ended.
pub const PROBE_AGAIN: Duration = Duration::from_secs(1);

/// How long an answer may take before the service is asked whether it is there and has got lost: longer
/// than most answers, and well inside [`FIRST_PIECE`].
pub const PROBE_LATE: Duration = Duration::from_secs(15);

/// How long a question may stay without the first piece of an answer.
pub const FIRST_PIECE: Duration = Duration::from_secs(60);

/// How long an unanswered message holds up a question: until then, a reply that begins is taken for its answer. Most answers begin sooner; an avatar whose owner has taken over never answers, and the
/// question must not wait for that.
pub const HOLDS_QUESTION: Duration = Duration::from_secs(10);

/// How long a message that was not answered may still be meant by a reply, which then does not say what it
/// answers: no avatar that answers at all takes longer.
pub const ANSWER_OWED: Duration = Duration::from_secs(5 * 60);

/// How soon after a message of the avatar another one belongs to the same turn, where no question is out: the
/// messages of one turn come in a row.
pub const FOLLOW_UP: Duration = Duration::from_secs(10);

/// Names of earlier sockets that are remembered: a frame that was meant for one of them may come again.
pub const SOCKET_NAMES: usize = 32;

/// Messages of one turn that are collected; with the last of them the turn is over.
pub const COLLECTED: usize = 16;

/// The whole time of an `open`, its retries and waits included.
pub const OPEN_DEADLINE: Duration = Duration::from_secs(30);

/// How long a durable message may wait. After a day a person would rather write anew.
pub const DURABLE_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// The whole time of a `send`.
pub const SEND_DEADLINE: Duration = Duration::from_secs(15);

/// The whole time of an `ask` or a `stream`.
pub const ASK_DEADLINE: Duration = Duration::from_secs(120);

/// The whole time of a `history`.
pub const HISTORY_DEADLINE: Duration = Duration::from_secs(30);

/// How long a `close` waits for what is still being sent.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// How long live frames wait for the gap before them to be filled. After that they are dispatched, and the gap is
/// reported as unknown.
pub const GAP_DEADLINE: Duration = Duration::from_secs(10);

/// Live frames that are buffered while a gap is filled. When there are more, they are dispatched.
pub const GAP_FRAMES: usize = 1024;

/// The bytes of those frames, beyond which they are dispatched as well: the longest frames are megabytes.
pub const GAP_BYTES: usize = 16 * 1024 * 1024;

/// How often the gap query is asked again for one gap before it is called unknown. Pages of the
/// service hold dozens of frames, so this is thousands.
pub const GAP_PAGES: u32 = 100;

/// The bytes of the past that are gathered at once, beyond which no further page of it is asked for.
pub const PAST_BYTES: usize = 64 * 1024 * 1024;

/// Authentications that the service accepts for one API key in [`QUOTA_WINDOW`], as the vendor's API page says.
pub const QUOTA_CALLS: usize = 60;

/// The window of [`QUOTA_CALLS`]; a slot is counted from the moment its answer came.
pub const QUOTA_WINDOW: Duration = Duration::from_secs(60);

/// The wait after `open.api.rate.limited` where the service names none.
pub const RATE_LIMIT_WAIT: Duration = Duration::from_secs(5);

/// The longest wait that the service may impose; a `Retry-After` of a year is a fault.
pub const RATE_LIMIT_WAIT_MAX: Duration = Duration::from_secs(10 * 60);

/// Messages that may wait in one conversation while the link is down.
pub const OUTBOX: usize = 1000;

/// The longest message text, in bytes of UTF-8. The service's own limit is not documented (it answers
/// `message.length.limit`); this one keeps a mistake from becoming a megabyte on the wire.
pub const MESSAGE_BYTES: usize = 256 * 1024;

/// The longest random part of a message's id, in letters and digits: a UUID without hyphens has 32.
pub const MESSAGE_ID_RANDOM: usize = 64;

/// The longest key of a note, in bytes of UTF-8. Platforms' ids and addresses are shorter.
pub const NOTE_KEY_BYTES: usize = 200;

/// The longest text of a note, in bytes of UTF-8: for ids, states and addresses, not for files.
pub const NOTE_TEXT_BYTES: usize = 16 * 1024;

/// The longest display name or channel, in bytes.
pub const NAME_BYTES: usize = 512;

/// The longest tag of the caller's own, in bytes: it is held once for each open visitor, and once for each
/// row of a store.
pub const TAG_BYTES: usize = 1024;

/// The shortest secret that visitor ids are made with, in bytes: 16 random bytes cannot be tried out.
#[cfg(feature = "keyed")]
pub const VISITOR_SECRET_BYTES: usize = 16;

/// The longest reply that is put together, in bytes. Beyond it the reply is delivered as it is,
/// and the rest begins another one: memory stays flat against a server that streams for ever.
pub const REPLY_BYTES: usize = 1024 * 1024;

/// The memory, in bytes, that a reply's cards, sources and speech may take; beyond it as above. Read into
/// trees, they take many times what they have on the wire.
pub const REPLY_TREES: usize = 16 * 1024 * 1024;

/// Replies that are put together side by side in one conversation.
pub const OPEN_REPLIES: usize = 16;

/// Frames remembered to recognise one that comes twice.
pub const SEEN_FRAMES: usize = 512;

/// Own messages remembered to recognise their echoes.
pub const SENT_MESSAGES: usize = 64;

/// Most messages that one `history` call hands back.
pub const HISTORY_MESSAGES: usize = 1000;

/// How long a store may keep what belongs to an avatar of which no client was opened, before the log warns of it: long
/// enough for a bot that is away over a holiday.
pub const UNSEEN_AVATAR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The time between two rounds in which visitors who are idle are forgotten: a retention is counted in days.
pub const RETENTION_ROUND: Duration = Duration::from_secs(60 * 60);

/// The shortest retention. Less is looked at too seldom to be kept, and is a wrong unit as a rule.
pub const RETENTION_MIN: Duration = RETENTION_ROUND;

/// Of how many closed visitors a client without a store remembers the session and the token.
pub const REMEMBERED_VISITORS: usize = 10_000;
