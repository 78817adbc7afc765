//! Colours, light and dark.

use super::Theme;
use crate::trace::model::{SpanKind, StretchKind};

/// What a colour is for. In the picture it is a class of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Paper,
    Ink,
    Faint,
    Rule,
    Band,
    OnBar,
    Call,
    Failed,
    Socket,
    Wait,
    Reply,
    Owner,
    Fault,
    Frame,
    Lifetime,
}

const ROLES: [Role; 15] = [
    Role::Paper,
    Role::Ink,
    Role::Faint,
    Role::Rule,
    Role::Band,
    Role::OnBar,
    Role::Call,
    Role::Failed,
    Role::Socket,
    Role::Wait,
    Role::Reply,
    Role::Owner,
    Role::Fault,
    Role::Frame,
    Role::Lifetime,
];

impl Role {
    pub(super) fn class(self) -> &'static str {
        self.colours().0
    }

    /// The class, and its colour on light and on dark ground.
    fn colours(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Paper => ("t-paper", "#ffffff", "#14171c"),
            Self::Ink => ("t-ink", "#1d2430", "#e6e9ef"),
            Self::Faint => ("t-faint", "#5f6b7d", "#9aa5b6"),
            Self::Rule => ("t-rule", "#dfe3ea", "#2d3541"),
            Self::Band => ("t-band", "#f5f7fa", "#1a1f26"),
            Self::OnBar => ("t-on", "#ffffff", "#10141a"),
            Self::Call => ("t-call", "#2f74c0", "#62a8f0"),
            Self::Failed => ("t-failed", "#c8323c", "#ff7b82"),
            Self::Socket => ("t-socket", "#23835f", "#4cc79b"),
            Self::Wait => ("t-wait", "#b7690a", "#f5b54a"),
            Self::Reply => ("t-reply", "#6f4fc4", "#ab94f5"),
            Self::Owner => ("t-owner", "#9a4f8f", "#dd9bd3"),
            Self::Fault => ("t-fault", "#c2185b", "#ff6fa6"),
            Self::Frame => ("t-frame", "#47566c", "#a9b6c8"),
            Self::Lifetime => ("t-life", "#68788f", "#8495ab"),
        }
    }

    /// Its colour, where no stylesheet says otherwise.
    pub(super) fn colour(self, theme: Theme) -> &'static str {
        let (_, light, dark) = self.colours();
        if theme == Theme::Dark { dark } else { light }
    }

    pub(super) fn of(kind: SpanKind) -> Self {
        match kind {
            SpanKind::Heartbeat => Self::Faint,
            SpanKind::Frame | SpanKind::Question => Self::Frame,
            SpanKind::FailureFrame | SpanKind::FailedCall | SpanKind::Refused => Self::Failed,
            SpanKind::NoSocket | SpanKind::Close | SpanKind::Unanswered => Self::Failed,
            SpanKind::Stream | SpanKind::Reply => Self::Reply,
            SpanKind::Call => Self::Call,
            SpanKind::Socket => Self::Socket,
            SpanKind::Waiting => Self::Wait,
            SpanKind::Takeover | SpanKind::Owner => Self::Owner,
            SpanKind::Fault => Self::Fault,
            SpanKind::Lifetime => Self::Lifetime,
        }
    }

    pub(super) fn of_stretch(kind: StretchKind) -> Self {
        match kind {
            StretchKind::Opening | StretchKind::Call => Self::Call,
            StretchKind::FirstPiece | StretchKind::NextPiece => Self::Wait,
            StretchKind::Retry | StretchKind::NoSocket => Self::Failed,
            StretchKind::Reply => Self::Reply,
            StretchKind::Takeover => Self::Owner,
            StretchKind::Idle => Self::Faint,
        }
    }
}

/// The stylesheet of a file, which follows the reader's choice of light or dark.
pub(super) fn stylesheet() -> String {
    let rules = |dark: bool| -> String {
        let rule = |role: &Role| {
            let (class, light, on_dark) = role.colours();
            format!(".{class}{{color:{}}}", if dark { on_dark } else { light })
        };
        ROLES.iter().map(rule).collect()
    };
    format!("{}@media (prefers-color-scheme:dark){{{}}}", rules(false), rules(true))
}
