//! A visitor of Visitor Chat, in virtual time.

use secondme_avatar_emulator::service::{Answer, Headers, OwnerAction, Push, Request, SocketId};
use serde_json::{Value, json};

use super::{Stage, data, text};

pub const TOKEN: &str = "/gate/lab/api/oauth/token/client";
pub const INIT: &str = "/gate/lab/api/secondme/visitor-chat/init";
pub const SEND: &str = "/gate/lab/api/secondme/visitor-chat/send";
pub const FORM: &str =
    "grant_type=client_credentials&client_id=emulator-app&client_secret=emulator-secret&scope=chat.write";

/// What one visitor of Visitor Chat knows.
#[derive(Clone, Debug)]
pub struct Chat {
    pub token: String,
    pub visitor_id: String,
    pub session: String,
    pub url: String,
    pub socket: SocketId,
}

pub fn form(body: &str) -> Request {
    let mut request = Request::new("POST", TOKEN).header("Content-Type", "application/x-www-form-urlencoded");
    request.body = body.as_bytes().to_vec();
    request
}

pub fn init_body(visitor_id: &str) -> Value {
    json!({"apiKey": "sk-emulator", "visitorId": visitor_id})
}

impl Stage {
    pub fn app_token(&mut self) -> String {
        text(&data(&self.request(form(FORM)))["accessToken"])
    }

    pub fn chat_call(&mut self, token: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        self.request(Request::new("POST", path).header("Authorization", &bearer).json(body))
    }

    /// An anonymous visitor with a session and a live socket.
    pub fn chat(&mut self, visitor_id: &str) -> Chat {
        let token = self.app_token();
        self.chat_of(&token, visitor_id, &init_body(visitor_id))
    }

    /// The visitor for whom a token speaks, with a session and a live socket.
    pub fn chat_of(&mut self, token: &str, visitor_id: &str, body: &Value) -> Chat {
        let mut chat = self.chat_arrive(token, visitor_id, body);
        self.chat_connect(&mut chat).unwrap();
        chat
    }

    /// The same without a socket yet.
    pub fn chat_arrive(&mut self, token: &str, visitor_id: &str, body: &Value) -> Chat {
        let (token, visitor_id) = (token.to_owned(), visitor_id.to_owned());
        let (session, url, socket) = (String::new(), String::new(), SocketId(0));
        let mut chat = Chat { token, visitor_id, session, url, socket };
        self.chat_init(&mut chat, body);
        chat
    }

    pub fn chat_init(&mut self, chat: &mut Chat, body: &Value) {
        let data = data(&self.chat_call(&chat.token.clone(), INIT, body));
        let session = &data["sessionId"];
        chat.session = session.as_str().map_or_else(|| session.to_string(), str::to_owned);
        chat.url = text(&data["wsUrl"]);
    }

    pub fn chat_connect(&mut self, chat: &mut Chat) -> Result<(), Answer> {
        self.chat_connect_with(chat, &Headers::new())
    }

    pub fn chat_connect_with(&mut self, chat: &mut Chat, headers: &Headers) -> Result<(), Answer> {
        let at = chat.url.find("/gate/ws").unwrap();
        chat.socket = self.service.connect(self.now, &chat.url[at..], headers)?;
        self.collect();
        Ok(())
    }

    pub fn chat_send(&mut self, chat: &Chat, message: &str) -> Answer {
        let body = json!({"sessionId": chat.session, "apiKey": "sk-emulator", "message": message});
        self.chat_call(&chat.token, SEND, &body)
    }

    pub fn chat_say(&mut self, chat: &Chat, frame: &Value) {
        self.service.receive(self.now, chat.socket, &frame.to_string());
        self.collect();
    }

    pub fn chat_owner_says(&mut self, chat: &Chat, text: &str) {
        let (session_id, text) = (chat.session.clone(), text.to_owned());
        self.service.owner(self.now, OwnerAction::Reply { session_id, text }).unwrap();
        self.collect();
    }

    /// The frames that the socket of a chat got since pushes were last taken.
    pub fn chat_frames(&mut self, chat: &Chat) -> Vec<Value> {
        let to_socket = |push| match push {
            Push::Frame { socket, text } if socket == chat.socket => {
                Some(serde_json::from_str::<Value>(&text).unwrap())
            }
            _ => None,
        };
        self.take_pushes().into_iter().filter_map(to_socket).collect()
    }
}
