//! What the emulated service is like: its avatars and keys, its limits, and the open questions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::random::Random;
use super::switches::*;
use super::visitor_chat::*;
use crate::brain::{Brain, EndMark, Persona};
use crate::time::Millis;
use crate::written::{Field, Written};

/// One avatar and its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Avatar {
    /// The share code, by which a chat with it is begun.
    pub share_code: String,
    /// The number by which a session is bound to it.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it says first; may be empty.
    pub opening: String,
    /// Its encoded mind id, which every message names. Never all digits.
    pub mind_id: String,
    /// The encoded user id of its owner.
    pub owner_user_id: String,
}

impl Avatar {
    /// Takes over what a persona says about its name and opening line.
    pub fn adopt(&mut self, persona: &Persona) {
        if let Some(name) = &persona.name {
            self.name.clone_from(name);
        }
        if let Some(opening) = &persona.opening {
            self.opening.clone_from(opening);
        }
    }

    /// One more avatar, whose ids and whose owner follow from its share code and its number.
    pub fn numbered(share_code: &str, number: u64) -> Self {
        let mut ids = Random::of_text(number, share_code);
        Self {
            share_code: share_code.to_owned(),
            id: Self::default().id + number,
            name: format!("Assistant {share_code}"),
            opening: Self::default().opening,
            mind_id: ids.encoded(12),
            owner_user_id: ids.encoded(5),
        }
    }

    /// An avatar of this name beside these, with ids of its own.
    pub(crate) fn beside(avatars: &[Self], name: &str, opening: &str) -> Self {
        let is_free = |id: &u64| avatars.iter().all(|avatar| avatar.id != *id);
        let id = (Self::default().id + 1..).find(is_free).expect("there are fewer avatars than numbers");
        let mut ids = Random::of_text(id, name);
        let mut own = |length: usize, of: fn(&Self) -> &String| loop {
            let one = ids.encoded(length);
            if avatars.iter().all(|avatar| *of(avatar) != one) {
                return one;
            }
        };
        Self {
            share_code: own(12, |avatar| &avatar.share_code),
            id,
            name: name.to_owned(),
            opening: opening.to_owned(),
            mind_id: own(12, |avatar| &avatar.mind_id),
            owner_user_id: own(5, |avatar| &avatar.owner_user_id),
        }
    }
}

impl Default for Avatar {
    /// The avatar of the vendor's page.
    fn default() -> Self {
        Self {
            share_code: "ebe251793d69".to_owned(),
            id: 67,
            name: "My Assistant".to_owned(),
            opening: "Hello! 👋".to_owned(),
            mind_id: "3m24e99h3mbp".to_owned(),
            owner_user_id: "de4fh".to_owned(),
        }
    }
}

/// An API key of an avatar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Key {
    /// The key, beginning with `sk-`.
    pub key: String,
    /// The share code of the avatar it opens.
    pub share_code: String,
    /// Whether its owner has disabled it.
    #[serde(default)]
    pub disabled: bool,
}

impl Default for Key {
    fn default() -> Self {
        Self { key: "sk-emulator".to_owned(), share_code: Avatar::default().share_code, disabled: false }
    }
}

/// Declares [`Settings`] with a default and a chaining method for each field.
macro_rules! settings {
    ($($(#[doc = $about:literal])+ $field:ident: $kind:ty = $default:expr,)+) => {
        /// What the emulated service is like.
        ///
        /// Every field is public, and has a method of the same name that sets it in a chain:
        ///
        /// ```
        /// use secondme_avatar_emulator::Settings;
        /// use secondme_avatar_emulator::service::{PingDrop, Pings};
        ///
        /// let settings = Settings::default().pings(Pings::Nothing).ping_drop(PingDrop::After20s);
        /// ```
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $about])+ pub $field: $kind,)+
        }

        impl Settings {
            $($(#[doc = $about])+ #[must_use] pub fn $field(mut self, $field: $kind) -> Self {
                self.$field = $field;
                self
            })+

            /// All settings there are, in order.
            pub(crate) fn fields() -> Vec<Field> {
                vec![$(Field {
                    name: stringify!($field).replace('_', "-"),
                    about: concat!($($about),+).trim(),
                    schema: <$kind as Written>::schema(),
                    answers: <$kind as Written>::answers(),
                },)+]
            }
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

settings! {
    /// The avatars there are.
    avatars: Vec<Avatar> = vec![Avatar::default()],
    /// The API keys there are.
    keys: Vec<Key> = vec![Key::default()],
    /// The apps that may use Visitor Chat.
    apps: Vec<App> = vec![App::default()],
    /// Access tokens of users of Visitor Chat that are there from the beginning.
    user_tokens: Vec<UserToken> = Vec::new(),
    /// What answers the visitors' messages.
    brain: Brain = Brain::Echo,
    /// Where sockets connect, for example `ws://127.0.0.1:7000`; without it the `Host` of the
    /// request that asks for an address.
    socket_base: Option<String> = None,

    /// How many counted calls a key has in any minute.
    quota_per_minute: u32 = 60,
    /// How long after its chat was initialised a session may be created.
    chat_context_lifetime: Millis = Millis::minutes(10),
    /// How long the address of a socket is good.
    address_lifetime: Millis = Millis::seconds(60),
    /// How long the avatar thinks before the first piece of a reply.
    reply_delay: Millis = Millis(10),
    /// How long it takes from one piece to the next.
    piece_delay: Millis = Millis(10),
    /// By how much the shell delays every HTTP answer and the answer to every handshake, as a
    /// distant service would. The service itself never waits.
    latency: Millis = Millis::ZERO,
    /// How many entries of the journal are kept; 0 keeps none.
    journal: usize = 10_000,
    /// How many bytes of messages and frames are kept of all sessions together; beyond it the oldest are dropped, which
    /// the journal notes.
    history_bytes: usize = 64 * 1024 * 1024,
    /// How long the tokens of Visitor Chat are good.
    visitor_chat_token_lifetime: Millis = Millis::minutes(7 * 24 * 60),
    /// How many frames one answer of the history calls holds.
    history_page: usize = 50,

    /// In which field of the envelope the code of a failure stands.
    failure_shape: FailureShape = FailureShape::default(),
    /// Which HTTP status comes with a failure.
    failure_status: FailureStatus = FailureStatus::default(),
    /// Whether a refusal for the quota says how long to wait.
    retry_after: RetryAfter = RetryAfter::default(),
    /// How long a visitor token is good.
    token_lifetime: TokenLifetime = TokenLifetime::default(),
    /// What a call with a dead visitor token gets.
    dead_token: DeadToken = DeadToken::default(),
    /// Which calls count against a key's quota.
    quota_scope: QuotaScope = QuotaScope::default(),
    /// How long the avatar is silent once the owner has taken over.
    takeover_silence: TakeoverSilence = TakeoverSilence::default(),
    /// Which fields frames carry.
    frame_fields: FrameFields = FrameFields::default(),
    /// Whether pings are answered.
    pings: Pings = Pings::default(),
    /// How long a socket may go without a ping.
    ping_drop: PingDrop = PingDrop::default(),
    /// Whether a frame that was not acknowledged is sent again.
    redelivery: Redelivery = Redelivery::default(),
    /// Whether a message sent twice with one `messageId` counts once.
    repeated_message: RepeatedMessage = RepeatedMessage::default(),
    /// What a send gets that names a socket which is not open.
    dead_socket_send: DeadSocketSend = DeadSocketSend::default(),
    /// What happens to a visitor's older socket when a newer one connects.
    second_socket: SecondSocket = SecondSocket::default(),
    /// Whether the calls for history are there for visitors.
    history_calls: HistoryCalls = HistoryCalls::default(),
    /// Whether the socket's handshake needs an `Origin`.
    origin: Origin = Origin::default(),
    /// From which origins sockets are taken: from all, if there are none here. The connection of any other is reset.
    origins: Vec<String> = Vec::new(),
    /// Whether the socket's handshake may offer an extension.
    extensions: Extensions = Extensions::default(),
    /// How the service closes a socket on its own.
    close_code: CloseCode = CloseCode::default(),
    /// How numeric identifiers are written into answers.
    id_form: IdForm = IdForm::default(),
    /// How replies come.
    streaming: Streaming = Streaming::default(),
    /// How a streamed reply ends.
    end_mark: EndMark = EndMark::default(),
    /// Where the text of an echo and of the owner's reply stands.
    client_text: ClientText = ClientText::default(),
    /// In how many messages the avatar answers a question.
    replies_per_question: RepliesPerQuestion = RepliesPerQuestion::default(),
    /// Whether what other clients of the gateway send is taken as well.
    other_clients: OtherClients = OtherClients::default(),

    /// What a visitor gets whose allowance, or the owner's, is used up.
    money: Money = Money::default(),

    /// Visitor Chat: what a `wsUrl` looks like.
    visitor_chat_socket_url: SocketUrl = SocketUrl::default(),
    /// Visitor Chat: how long a `wsUrl` is good, and for how many connections.
    visitor_chat_socket_url_life: SocketUrlLife = SocketUrlLife::default(),
    /// Visitor Chat: how long a socket may go without a ping.
    visitor_chat_ping_drop: SocketSilence = SocketSilence::default(),
    /// Visitor Chat: what a ping without a `wsId` gets.
    visitor_chat_bare_ping: BarePing = BarePing::default(),
    /// Visitor Chat: which session a second `init` gives.
    visitor_chat_second_init: SecondInit = SecondInit::default(),
    /// Visitor Chat: what a second `init` does to the sockets there are.
    visitor_chat_older_socket: OlderSocket = OlderSocket::default(),
    /// Visitor Chat: whether an echo comes, and where its text stands.
    visitor_chat_echo: Echo = Echo::default(),
    /// Visitor Chat: which `messageId` an echo carries.
    visitor_chat_echo_id: EchoId = EchoId::default(),
    /// Visitor Chat: what the answer to a send holds.
    visitor_chat_send_answer: SendAnswer = SendAnswer::default(),
    /// Visitor Chat: which ids frames carry.
    visitor_chat_frame_ids: FrameIds = FrameIds::default(),
    /// Visitor Chat: which `wsId` a frame carries that comes again over another socket.
    visitor_chat_redelivered_ws_id: RedeliveredName = RedeliveredName::default(),
    /// Visitor Chat: for how long a visitor has the user id that echoes carry.
    visitor_chat_user_id: UserIdOf = UserIdOf::default(),
    /// Visitor Chat: which HTTP status comes with a failure.
    visitor_chat_failure_http: FailureHttp = FailureHttp::default(),
    /// Visitor Chat: where the code of a failure stands.
    visitor_chat_failure_form: FailureForm = FailureForm::default(),
    /// Visitor Chat: whether a send has to carry the `apiKey`.
    visitor_chat_send_api_key: SendApiKey = SendApiKey::default(),
    /// Visitor Chat: which `visitorId` is taken.
    visitor_chat_visitor_id: VisitorIdForm = VisitorIdForm::default(),
    /// Visitor Chat: what counts against the requests that a key has in a minute.
    visitor_chat_quota: ChatQuota = ChatQuota::default(),
    /// Visitor Chat: the longest message.
    visitor_chat_message_length: MessageLength = MessageLength::default(),
    /// Visitor Chat: how `expiresIn` is written.
    visitor_chat_expires_in: ExpiresIn = ExpiresIn::default(),
    /// Visitor Chat: what `init` says about the opening line.
    visitor_chat_opening: OpeningLine = OpeningLine::default(),
    /// Visitor Chat: in what form a voice message is told.
    visitor_chat_voice: VoiceForm = VoiceForm::default(),
}

/// What is wrong with settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// They are not written as settings are.
    #[error("{0}")]
    Written(String),
    /// There is no API key, so no visitor could authenticate.
    #[error("there is no API key; give at least one")]
    NoKey,
    /// A key could not travel in a header.
    #[error("an API key must begin with `sk-` and hold visible ASCII characters only")]
    Key,
    /// An app could not be told from another, or not be named in a form.
    #[error("an app of Visitor Chat needs a client id of its own and a client secret, neither of them empty")]
    App,
    /// A user's token could not travel in a header, or be told from an app's.
    #[error("a user's token must begin with `lba_at_` and hold visible ASCII characters only")]
    UserToken,
    /// Step 6 needs an id that cannot be taken for a number.
    #[error("the mind id `{0}` of an avatar must not be empty or all digits: it is the encoded one")]
    MindId(String),
    /// The endpoint of the brain cannot be asked.
    #[error("the brain: {0}")]
    Brain(String),
    /// A page of no frames never ends.
    #[error("a page of history must hold at least one frame")]
    HistoryPage,
}

impl Settings {
    /// Says what is wrong with these settings, if anything is.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        if self.keys.is_empty() {
            return Err(InvalidSettings::NoKey);
        }
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.keys.iter().all(|key| key.key.starts_with("sk-") && visible(&key.key)) {
            return Err(InvalidSettings::Key);
        }
        let told_apart = |(at, app): (usize, &App)| {
            let is_first = self.apps.iter().take(at).all(|other| other.client_id != app.client_id);
            is_first && !app.client_id.is_empty() && !app.client_secret.is_empty()
        };
        if !self.apps.iter().enumerate().all(told_apart) {
            return Err(InvalidSettings::App);
        }
        let is_token = |one: &UserToken| one.token.starts_with("lba_at_") && visible(&one.token);
        if !self.user_tokens.iter().all(is_token) {
            return Err(InvalidSettings::UserToken);
        }
        if let Brain::OpenAi(endpoint) = &self.brain {
            endpoint.check().map_err(InvalidSettings::Brain)?;
        }
        if self.history_page == 0 {
            return Err(InvalidSettings::HistoryPage);
        }
        match self.avatars.iter().find(|one| one.mind_id.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(avatar) => Err(InvalidSettings::MindId(avatar.mind_id.clone())),
            None => Ok(()),
        }
    }

    /// These settings with some of them changed, as they are written.
    ///
    /// A script's name and opening line go to the first avatar, unless the avatars change as well.
    pub fn changed(&self, changes: Map<String, Value>) -> Result<Self, InvalidSettings> {
        let wrong = |error: serde_json::Error| InvalidSettings::Written(error.to_string());
        let found = Self::wrong_in(&changes);
        if !found.is_empty() {
            let all: Vec<_> = found.into_iter().map(|(_, why)| why).collect();
            return Err(InvalidSettings::Written(all.join("; ")));
        }
        let (new_brain, new_avatars) = (changes.contains_key("brain"), changes.contains_key("avatars"));
        let mut merged = json!(self.clone().brain(Brain::Echo));
        if let Value::Object(fields) = &mut merged {
            fields.extend(changes);
        }
        let mut settings: Self = serde_json::from_value(merged).map_err(wrong)?;
        match (&mut settings.brain, &self.brain) {
            (brain, old) if !new_brain => brain.clone_from(old),
            // A key is not read back, and must not go to anyone it was not given for.
            (Brain::OpenAi(new), Brain::OpenAi(old)) if new.key.is_none() && new.url == old.url => {
                new.key.clone_from(&old.key);
            }
            (Brain::Script(script), _) if !new_avatars => {
                if let Some(avatar) = settings.avatars.first_mut() {
                    avatar.adopt(&script.avatar);
                }
            }
            _ => {}
        }
        settings.check().map(|()| settings)
    }

    /// The settings that are not written as settings are, each with what is wrong with it.
    pub(crate) fn wrong_in(changes: &Map<String, Value>) -> Vec<(String, String)> {
        let wrong = changes.iter().filter_map(|(name, value)| {
            // One by one, for an error that says which it is.
            let one = Map::from_iter([(name.clone(), value.clone())]);
            let error = Self::deserialize(Value::Object(one)).err()?;
            Some((name.clone(), wrong_setting(name, &error.to_string())))
        });
        wrong.collect()
    }

    /// How long a socket of Visitor Chat may go without a ping; `None` for good.
    pub(super) fn chat_silence_allowed(&self) -> Option<Millis> {
        match self.visitor_chat_ping_drop {
            SocketSilence::Allowed => None,
            SocketSilence::After30s => Some(Millis::seconds(30)),
            SocketSilence::After60s => Some(Millis::seconds(60)),
        }
    }

    /// How long a socket may go without a ping.
    pub(super) fn silence_allowed(&self) -> Millis {
        match self.ping_drop {
            PingDrop::After20s => Millis::seconds(20),
            PingDrop::After30s => Millis::seconds(30),
            PingDrop::After60s => Millis::seconds(60),
        }
    }
}

/// What is wrong with a setting, with the nearest name in place of a list of all there are.
fn wrong_setting(name: &str, why: &str) -> String {
    let is_unknown =
        why.starts_with("unknown field") && !Settings::fields().iter().any(|one| one.name == name);
    match is_unknown {
        false => format!("`{name}`: {why}"),
        true => {
            let fields = Settings::fields().into_iter().map(|field| field.name);
            // What begins the same is nearer than what is as long.
            let likeness = |field: &String| strsim::jaro_winkler(field, name);
            let nearest =
                fields.max_by(|one, other| likeness(one).total_cmp(&likeness(other))).unwrap_or_default();
            format!(
                "there is no setting `{name}`; the nearest is `{nearest}`, and `--schema` prints all there are"
            )
        }
    }
}
