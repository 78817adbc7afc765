//! Prompts that no person wrote: programs have models name conversations, tag them, and guess what the user asks next.
//!
//! The avatar must not see them. Its owner would read them as words of the visitor, they would use up the key's
//! quota, and the avatar would remember them.

use serde_json::json;

use super::refusal::Refusal;

/// The longest title, in letters.
const TITLE: usize = 30;

/// What a program wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Title,
    Tags,
    FollowUps,
    /// What to search for in the web or in documents.
    Queries,
    /// How a sentence may go on that the user is writing.
    Completion,
    /// Which tools to call.
    Tools,
    Emoji,
    /// A summary of what was said, for later requests.
    Summary,
    /// What an image is to show.
    Image,
    /// Another wording of a question.
    Rewording,
    /// Work for a model: a translation, one answer out of several.
    Work,
    /// A settings page that tries whether it reaches a model.
    Probe,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Title,
        Self::Tags,
        Self::FollowUps,
        Self::Queries,
        Self::Completion,
        Self::Tools,
        Self::Emoji,
        Self::Summary,
        Self::Image,
        Self::Rewording,
        Self::Work,
        Self::Probe,
    ];

    /// The name in the log and in the metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Tags => "tags",
            Self::FollowUps => "follow_ups",
            Self::Queries => "queries",
            Self::Completion => "completion",
            Self::Tools => "tools",
            Self::Emoji => "emoji",
            Self::Summary => "summary",
            Self::Image => "image",
            Self::Rewording => "rewording",
            Self::Work => "work",
            Self::Probe => "probe",
        }
    }

    /// By the name that Open WebUI has for it.
    fn of_open_webui(task: &str) -> Self {
        match task {
            "title_generation" => Self::Title,
            "tags_generation" => Self::Tags,
            "follow_up_generation" => Self::FollowUps,
            "query_generation" => Self::Queries,
            "autocomplete_generation" => Self::Completion,
            "function_calling" => Self::Tools,
            "emoji_generation" => Self::Emoji,
            "image_prompt_generation" => Self::Image,
            _ => Self::Work,
        }
    }
}

/// How such prompts begin, where the user's last message does.
const USER: [(&str, Kind); 14] = [
    // Open WebUI
    ("Your task is to reflect the speaker's likely facial expression", Kind::Emoji),
    ("You have been provided with a set of responses from various models", Kind::Work),
    ("Create a concise, 3-5 word title with an emoji", Kind::Title),
    // LibreChat
    ("Provide a concise, 5-word-or-less title for the conversation", Kind::Title),
    ("Please generate a concise, 5-word-or-less title for the conversation", Kind::Title),
    ("Analyze this conversation and provide:\n1. The detected language", Kind::Title),
    // NextChat
    ("使用四到五个字直接返回这句话的简要主题", Kind::Title),
    ("Please generate a four to five word title summarizing our conversation", Kind::Title),
    ("简要总结一下对话内容，用作后续的上下文提示", Kind::Summary),
    ("Summarize the discussion briefly in 200 words or less", Kind::Summary),
    // Chatbox
    ("Based on the chat history, give this conversation a name.", Kind::Title),
    // Cherry Studio
    ("You are an AI question rephraser. Your role is to rephrase follow-up queries", Kind::Queries),
    ("You are a translation expert. Your only task is to translate text", Kind::Work),
    ("Your task is to precisely identify the language used in the user's input", Kind::Work),
];

/// How such prompts begin, where a system message does.
const SYSTEM: [(&str, Kind); 15] = [
    // Open WebUI
    ("Available Tools: ", Kind::Tools),
    // LobeChat, Cherry Studio and their kin
    ("你是一名擅长会话的助理", Kind::Title),
    ("You are an assistant skilled in conversation. You need to summarize", Kind::Title),
    ("You are a professional conversation summarizer. Generate a concise title", Kind::Title),
    ("You are a sidecar that extracts 0-4 quick-reply suggestions", Kind::FollowUps),
    ("You are an emoji expert who selects the most appropriate emoji", Kind::Emoji),
    ("You're an assistant who's good at extracting key takeaways from conversations", Kind::Summary),
    (
        "Given the following conversation and a follow-up question, rephrase the follow up question",
        Kind::Rewording,
    ),
    ("You are a professional translator. Translate the input text to", Kind::Work),
    ("You are an AI question rephraser. Your role is to rephrase follow-up queries", Kind::Queries),
    ("You are a translation expert. Your only task is to translate text", Kind::Work),
    // NextChat
    ("简要总结一下对话内容，用作后续的上下文提示", Kind::Summary),
    ("Summarize the discussion briefly in 200 words or less", Kind::Summary),
    // LibreChat
    ("Provide a concise, 5-word-or-less title for the conversation", Kind::Title),
    ("Analyze this conversation and provide:\n1. The detected language", Kind::Title),
];

/// What Open WebUI's own begin with, and what they hold their history in.
const TASK: &str = "### Task:";
const HISTORY: [&str; 2] = ["<chat_history>", "### Messages Being Compacted:"];
/// With this Open WebUI puts documents before a question that a person wrote.
const WITH_DOCUMENTS: &str = "### Task:\nRespond to the user query using the provided context";

/// The messages of a request, as far as they are text.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) systems: Vec<String>,
    /// Of the user, in order.
    pub(super) users: Vec<String>,
    /// Whether there is nothing else than one message of the user, the system's aside.
    pub(super) lone: bool,
}

/// A prompt that no person wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) kind: Kind,
    answer: Option<String>,
}

impl Task {
    /// Finds one. `named` is what the program itself says that it is; `json` whether it wants the answer as JSON.
    pub(super) fn find(named: Option<&str>, texts: &Texts, json: bool) -> Option<Self> {
        let kind = match named {
            Some(task) => Kind::of_open_webui(task),
            None => by_text(texts)?,
        };
        Some(Self { kind, answer: answer(kind, texts, json) })
    }

    /// A settings page that tries whether it reaches a model, and so asks for no person: Dify's and LobeChat's do. The
    /// answer says what else is missing.
    pub(super) fn probe(text: &str, missing: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let answer = match text.as_str() {
            "ping" => "pong".to_owned(),
            "hello" | "hi" | "test" => {
                format!("The gateway is reached. What a person asks will need more: {missing}.")
            }
            _ => return None,
        };
        Some(Self { kind: Kind::Probe, answer: Some(answer) })
    }

    /// The answer, which is made up here.
    pub(super) fn answer(&self) -> Result<&str, Refusal> {
        self.answer.as_deref().ok_or_else(|| self.refusal())
    }

    pub(super) fn refusal(&self) -> Refusal {
        let message = format!(
            "this is a program's own prompt (`{}`), which the avatar is not asked: give the program another model for it",
            self.kind.name()
        );
        Refusal::invalid("task_refused", message)
    }
}

fn by_text(texts: &Texts) -> Option<Kind> {
    let last = texts.users.last().map(|last| last.trim_start());
    if let Some(last) = last {
        let is_own = texts.lone && last.starts_with(TASK) && !last.starts_with(WITH_DOCUMENTS);
        if is_own && let Some(history) = HISTORY.iter().filter_map(|mark| last.find(mark)).min() {
            return Some(by_key(&last[..history]));
        }
        if let Some((_, kind)) = USER.iter().find(|(begin, _)| last.starts_with(begin)) {
            return Some(*kind);
        }
    }
    let mut systems = texts.systems.iter().map(|system| system.trim_start());
    systems
        .find_map(|system| SYSTEM.iter().find(|(begin, _)| system.starts_with(begin)).map(|(_, kind)| *kind))
}

/// By the key of the JSON that it wants: templates can be changed, and what reads their answers cannot.
fn by_key(instruction: &str) -> Kind {
    let keys = [
        ("\"follow_ups\"", Kind::FollowUps),
        ("\"queries\"", Kind::Queries),
        ("\"tags\"", Kind::Tags),
        ("\"title\"", Kind::Title),
        ("\"prompt\"", Kind::Image),
        ("\"text\"", Kind::Completion),
    ];
    if let Some((_, kind)) = keys.iter().find(|(key, _)| instruction.contains(key)) {
        return *kind;
    }
    let instruction = instruction.to_lowercase();
    let words = [("title", Kind::Title), ("tags", Kind::Tags), ("summarize", Kind::Summary)];
    words.iter().find(|(word, _)| instruction.contains(word)).map_or(Kind::Work, |(_, kind)| *kind)
}

fn answer(kind: Kind, texts: &Texts, json: bool) -> Option<String> {
    let last = || texts.users.last().map(String::as_str).unwrap_or_default();
    let wants = |key: &str| json || texts.users.iter().chain(&texts.systems).any(|text| text.contains(key));
    let answer = match kind {
        Kind::Title if wants("\"title\"") => json!({"title": title(texts)}),
        Kind::Title => return Some(title(texts)),
        Kind::Tags => json!({"tags": []}),
        Kind::FollowUps if last().starts_with("Last assistant message:") => json!({"chips": []}),
        Kind::FollowUps => json!({"follow_ups": []}),
        Kind::Queries if wants("<websearch>") || wants("<knowledge>") => {
            let none = "<question>not_needed</question>";
            return Some(format!("<websearch>{none}</websearch><knowledge>{none}</knowledge>"));
        }
        Kind::Queries => json!({"queries": []}),
        Kind::Completion => json!({"text": ""}),
        Kind::Tools => json!({"tool_calls": []}),
        Kind::Image => json!({"prompt": title(texts)}),
        Kind::Emoji => return Some("💬".to_owned()),
        Kind::Summary => return Some("The avatar remembers the conversation by itself.".to_owned()),
        Kind::Rewording => return Some(question(last()).to_owned()),
        Kind::Work | Kind::Probe => return None,
    };
    Some(answer.to_string())
}

/// The question in a prompt of LobeChat's that wants it reworded.
fn question(prompt: &str) -> &str {
    let question = prompt.trim().strip_prefix("Follow Up Input: ").unwrap_or(prompt);
    question.strip_suffix(", it's standalone query:").unwrap_or(question)
}

/// The beginning of what the user said first.
fn title(texts: &Texts) -> String {
    let all = texts.users.iter().flat_map(|text| text.lines()).map(str::trim);
    let mut lines = all.clone();
    let said = lines.find_map(after_role).or_else(|| all.clone().skip_while(|line| *line != "<user>").nth(1));
    // Where each message of the user is one here, the first is it, unless it is the prompt itself.
    let first = || texts.users.first().filter(|first| texts.users.len() > 1 || by_prefix(first).is_none());
    let said = said.or_else(|| first()?.lines().map(str::trim).find(|line| !line.is_empty()));
    let said = said.unwrap_or("Conversation").trim_matches(['"', '*', '#', ' ']);
    let short: String = said.chars().take(TITLE).collect();
    short.trim_end().to_owned()
}

fn by_prefix(text: &str) -> Option<Kind> {
    let text = text.trim_start();
    let own = [(TASK, Kind::Work)];
    own.iter().chain(&USER).find(|(begin, _)| text.starts_with(begin)).map(|(_, kind)| *kind)
}

/// What a line of a history says that is the user's.
fn after_role(line: &str) -> Option<&str> {
    let said = ["user:", "human:"].iter().find_map(|role| {
        line.get(..role.len()).filter(|begin| begin.eq_ignore_ascii_case(role)).map(|_| &line[role.len()..])
    })?;
    Some(said.trim()).filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(systems: &[&str], users: &[&str]) -> Texts {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Texts { systems: owned(systems), users: owned(users), lone: users.len() == 1 }
    }

    fn found(systems: &[&str], users: &[&str]) -> (Kind, Option<String>) {
        let task = Task::find(None, &texts(systems, users), false).unwrap_or_else(|| panic!("{users:?}"));
        (task.kind, task.answer)
    }

    fn answers(kind: Kind, answer: &str) -> (Kind, Option<String>) {
        (kind, Some(answer.to_owned()))
    }

    #[test]
    fn a_title_is_what_the_user_said_first() {
        let history = "<chat_history>\nUSER: Where can I learn to sail in winter, and how?\nASSISTANT: By the sea\n</chat_history>";
        let own = format!("### Task:\nName it.\n### Output:\nJSON format: {{ \"title\": \"…\" }}\n{history}");
        assert_eq!(
            found(&[], &[&own]),
            answers(Kind::Title, r#"{"title":"Where can I learn to sail in w"}"#)
        );
        let bare = "Provide a concise, 5-word-or-less title for the conversation, please.\n\nConversation:\nUser: Hello\nAI: Hi";
        assert_eq!(found(&[], &[bare]), answers(Kind::Title, "Hello"));
        let lobe = ["<task>\nx\n</task>\n<conversation>\n<user>\nI need help\n</user>\n</conversation>"];
        let system = "You are a professional conversation summarizer. Generate a concise title that";
        assert_eq!(found(&[system], &lobe), answers(Kind::Title, "I need help"));
        let next = ["你好吗", "使用四到五个字直接返回这句话的简要主题，不要解释"];
        assert_eq!(found(&[], &next), answers(Kind::Title, "你好吗"));
        let cherry = ["今天天气怎么样？", "明天呢"];
        assert_eq!(
            found(&["你是一名擅长会话的助理，你需要"], &cherry),
            answers(Kind::Title, "今天天气怎么样？")
        );
        assert_eq!(found(&[], &[USER[6].0]), answers(Kind::Title, "Conversation"));
    }

    #[test]
    fn what_is_wanted_shows_by_the_key_that_is_wanted() {
        for (key, answer) in [
            ("tags", r#"{"tags":[]}"#),
            ("follow_ups", r#"{"follow_ups":[]}"#),
            ("queries", r#"{"queries":[]}"#),
            ("text", r#"{"text":""}"#),
        ] {
            let prompt = format!(
                "### Task:\nDo it in JSON: {{ \"{key}\": … }}\n<chat_history>\nUSER: \"title\"\n</chat_history>"
            );
            assert_eq!(found(&[], &[&prompt]).1.as_deref(), Some(answer));
        }
        let compaction =
            "### Task:\nSummarize the conversation history\n### Messages Being Compacted:\nUSER: a";
        assert_eq!(found(&[], &[compaction]).0, Kind::Summary);
    }

    #[test]
    fn work_for_a_model_is_refused() {
        let merge = "You have been provided with a set of responses from various models to the latest";
        let task = Task::find(None, &texts(&[], &[merge]), false).unwrap();
        assert_eq!(task.answer().unwrap_err().code(), "task_refused");
        let unknown = Task::find(Some("something_new"), &texts(&[], &["Hello"]), false).unwrap();
        assert_eq!(unknown.kind, Kind::Work);
    }

    #[test]
    fn the_program_itself_may_say_what_it_is() {
        let task =
            Task::find(Some("title_generation"), &texts(&[], &["Nenne es.\nUSER: Hallo"]), false).unwrap();
        assert_eq!(task.answer().unwrap(), "Hallo");
        assert_eq!(
            Task::find(Some("title_generation"), &texts(&[], &["USER: a"]), true).unwrap().answer().unwrap(),
            r#"{"title":"a"}"#
        );
    }

    #[test]
    fn what_a_person_wrote_goes_to_the_avatar() {
        let documents =
            format!("{WITH_DOCUMENTS}, with <chat_history> in it\n<context>\nx\n</context>\nWho are you?");
        for (systems, users) in [
            (&[][..], &["Give me a title for my novel"][..]),
            (&[], &["What does \"### Task:\" mean?"]),
            (&[], &["### Task:\nClean the kitchen"]),
            (&[], &[documents.as_str()]),
            (&[], &["a", "### Task:\nName it\n<chat_history>"]),
            (&["You are a pirate. 你是一名擅长会话的助理"], &["Hello"]),
            (&[], &[""]),
            (&[], &[]),
        ] {
            assert_eq!(Task::find(None, &texts(systems, users), false), None, "{users:?}");
        }
    }
}
