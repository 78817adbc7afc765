//! The command line: a switch for each open question.

use crate::service::{
    BarePing, ChatQuota, ClientText, CloseCode, DeadSocketSend, DeadToken, Echo, EchoId, EndMark, ExpiresIn,
    Extensions, FailureForm, FailureHttp, FailureShape, FailureStatus, FrameFields, FrameIds, HistoryCalls,
    IdForm, MessageLength, Money, OlderSocket, OpeningLine, Origin, OtherClients, PingDrop, Pings,
    QuotaScope, RedeliveredName, Redelivery, RepeatedMessage, RepliesPerQuestion, RetryAfter, SecondInit,
    SecondSocket, SendAnswer, SendApiKey, Settings, SocketSilence, SocketUrl, SocketUrlLife, Streaming,
    TakeoverSilence, TokenLifetime, UserIdOf, VisitorIdForm, VoiceForm,
};

macro_rules! switch_args {
    ($($(#[$about:meta])* $field:ident: $kind:ty,)+) => {
        /// The open questions about the service, each with the answer to play.
        #[derive(Debug, Clone, Default, clap::Args)]
        #[command(next_help_heading = "Open questions about the service")]
        pub struct SwitchArgs {
            $($(#[$about])* #[arg(long, value_name = "ANSWER")] pub $field: Option<$kind>,)+
        }

        impl SwitchArgs {
            pub(super) fn apply(&self, settings: &mut Settings) {
                $(if let Some(answer) = self.$field {
                    settings.$field = answer;
                })+
            }
        }
    };
}

switch_args! {
    /// Field of a failure's code: code, sub-code, message, msg, error-code, detail
    failure_shape: FailureShape,
    /// HTTP status of a failure: 200, fitting
    failure_status: FailureStatus,
    /// A refusal for the quota says how long to wait: absent, seconds, date
    retry_after: RetryAfter,
    /// A visitor token is good for: never (ends), calls:N, minutes:N
    token_lifetime: TokenLifetime,
    /// A dead visitor token gets: 401, code
    dead_token: DeadToken,
    /// Calls that count against the quota: auth, all
    quota_scope: QuotaScope,
    /// The avatar is silent after a takeover: until-handed-back, minutes:N, never
    takeover_silence: TakeoverSilence,
    /// Fields frames carry: all, no-session, documented
    frame_fields: FrameFields,
    /// Pings are answered with: pong, nothing
    pings: Pings,
    /// A socket without pings is dropped after: 20s, 30s, 60s
    ping_drop: PingDrop,
    /// An unacknowledged frame comes again: never, after-5s, next-connection
    redelivery: Redelivery,
    /// A message sent twice counts as: one, two
    repeated_message: RepeatedMessage,
    /// A send that names a dead socket is: answer-lost, refused
    dead_socket_send: DeadSocketSend,
    /// A visitor's second socket: closes-older, newest-gets, both-get
    second_socket: SecondSocket,
    /// message/query, message/latest and session/close are: there, 404, failure
    history_calls: HistoryCalls,
    /// The Origin of a handshake is: ignored, required (403 without), reset (without)
    origin: Origin,
    /// An extension that a handshake offers is: free, reset
    extensions: Extensions,
    /// The service closes a socket with: mixed, none, 1000, 1001, 1012, 3001, 4003
    close_code: CloseCode,
    /// Numeric ids are sent as: string, number
    id_form: IdForm,
    /// Replies come in: pieces, whole
    streaming: Streaming,
    /// A streamed reply ends with: last-piece, empty, missing, twice
    end_mark: EndMark,
    /// The text of an echo and of the owner stands in: multiple-data, content
    client_text: ClientText,
    /// A question is answered in so many messages: one, two, three
    replies_per_question: RepliesPerQuestion,
    /// What other clients of the gateway send is: taken, refused
    other_clients: OtherClients,
    /// A message for which no allowance is left is: free (there always is one), refused, frame
    money: Money,
    /// Visitor Chat: a wsUrl looks like: query, opaque, other-host
    visitor_chat_socket_url: SocketUrl,
    /// Visitor Chat: a wsUrl is good for: once-60s, any-60s, session
    visitor_chat_socket_url_life: SocketUrlLife,
    /// Visitor Chat: a socket without pings is dropped after: never (it is not), 30s, 60s
    visitor_chat_ping_drop: SocketSilence,
    /// Visitor Chat: a ping without wsId gets: pong, nothing, closed
    visitor_chat_bare_ping: BarePing,
    /// Visitor Chat: a second init gives a session: same, new
    visitor_chat_second_init: SecondInit,
    /// Visitor Chat: a second init and the older socket: closed, stays, both-get
    visitor_chat_older_socket: OlderSocket,
    /// Visitor Chat: the text of an echo stands in: multiple-data, content, none (no echo comes)
    visitor_chat_echo: Echo,
    /// Visitor Chat: the messageId of an echo is: of-send, other, absent
    visitor_chat_echo_id: EchoId,
    /// Visitor Chat: the answer to a send holds: null, absent, message-id
    visitor_chat_send_answer: SendAnswer,
    /// Visitor Chat: ids that frames carry: all, none
    visitor_chat_frame_ids: FrameIds,
    /// Visitor Chat: a frame that comes again over another socket has the wsId of the socket: present, first
    visitor_chat_redelivered_ws_id: RedeliveredName,
    /// Visitor Chat: the user id of echoes is that of the: visitor, session
    visitor_chat_user_id: UserIdOf,
    /// Visitor Chat: HTTP status of a failure: code, 200
    visitor_chat_failure_http: FailureHttp,
    /// Visitor Chat: field of a failure's code: sub-code, error-code, detail
    visitor_chat_failure_form: FailureForm,
    /// Visitor Chat: the apiKey of a send is: required, optional
    visitor_chat_send_api_key: SendApiKey,
    /// Visitor Chat: a visitorId is taken that is: any, platform-uuid
    visitor_chat_visitor_id: VisitorIdForm,
    /// Visitor Chat: init and send count against the quota: none, per-key
    visitor_chat_quota: ChatQuota,
    /// Visitor Chat: the longest message: none (any), chars:N
    visitor_chat_message_length: MessageLength,
    /// Visitor Chat: expiresIn is a: number, string
    visitor_chat_expires_in: ExpiresIn,
    /// Visitor Chat: the opening line of init is: told, null, absent
    visitor_chat_opening: OpeningLine,
    /// Visitor Chat: a voice message comes as: speech, type, urls
    visitor_chat_voice: VoiceForm,
}
