//! `avatar serve --check`: what is configured.

use std::io::Write as _;

use super::args::{ServeArgs, SessionPer, Tasks};
use super::gateway::Gateway;
use crate::exit::{self, Failure};

/// Says it, without secrets. Nothing goes over the network.
pub(super) fn run(args: &ServeArgs, gateway: &Gateway) -> Result<(), Failure> {
    let models: Vec<_> = gateway.models.iter().map(|model| model.id.as_str()).collect();
    let callers: Vec<_> = gateway.callers.names().collect();
    let none = || "none".to_owned();
    let listed = |items: &[&str]| if items.is_empty() { none() } else { items.join(", ") };
    let origins: Vec<_> = args.allow_origins.iter().map(String::as_str).collect();
    let lines = [
        ("listens on", args.address().to_string()),
        ("service", service(args)),
        ("models", models.join(", ")),
        ("callers with a token", listed(&callers)),
        ("visitors", visitors(args, gateway).to_owned()),
        (
            "a conversation for",
            if args.session_per() == SessionPer::Chat { "each chat" } else { "each visitor" }.to_owned(),
        ),
        ("programs' own prompts", tasks(args.tasks()).to_owned()),
        (
            "store",
            args.store
                .as_ref()
                .map_or_else(|| "none: sessions end with the process".to_owned(), ToString::to_string),
        ),
        (
            "sockets at a time",
            args.max_live.map_or_else(|| "no limit".to_owned(), |most| format!("{most} a model")),
        ),
        ("web pages that may call", listed(&origins)),
        ("metrics", if args.metrics { "on /metrics" } else { "off" }.to_owned()),
    ];
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let text: String = lines.iter().map(|(name, value)| format!("  {name:width$}  {value}\n")).collect();
    let written = write!(std::io::stdout(), "The gateway is configured:\n\n{text}");
    written.map_err(|error| Failure::new(exit::FAILURE, error.to_string()))
}

fn service(args: &ServeArgs) -> String {
    if args.emulator {
        return "the emulator on this machine".to_owned();
    }
    let of_environment = || std::env::var("SECONDME_BASE_URL").ok().filter(|base| !base.is_empty());
    let base = args.base_url.clone().or_else(of_environment).unwrap_or_else(|| "production".to_owned());
    format!("{base}, by {}", args.door())
}

fn visitors(args: &ServeArgs, gateway: &Gateway) -> &'static str {
    match (args.one_visitor, gateway.naming.open_webui.is_some()) {
        (true, _) => "who names none is one and the same",
        (false, true) => "each request names one; what Open WebUI says of its users is to be signed",
        (false, false) => "each request names one",
    }
}

fn tasks(tasks: Tasks) -> &'static str {
    match tasks {
        Tasks::Answer => "answered here, and never sent",
        Tasks::Forward => "sent to the avatar",
        Tasks::Refuse => "refused",
    }
}
