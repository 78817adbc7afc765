//! The visitor at this terminal.

use secondme_avatar::Visitor;

use crate::args::ChatArgs;
use crate::exit::{self, Failure};

/// The visitor of `--visitor`. Default: always the same one for this person on this machine.
pub(crate) fn visitor(args: &ChatArgs) -> Result<Visitor, Failure> {
    let visitor = match (&args.visitor, person()) {
        (Some(id), _) => {
            return Visitor::parse(id).map(|visitor| named(visitor, args)).map_err(|_| not_an_id(id));
        }
        (None, Some(person)) => Visitor::for_user("cli", &person),
        (None, None) => Visitor::random("cli"),
    };
    let visitor = visitor.map_err(secondme_avatar::Error::from)?;
    Ok(named(visitor, args))
}

fn named(visitor: Visitor, args: &ChatArgs) -> Visitor {
    match &args.name {
        Some(name) => visitor.name(name).channel("cli"),
        None => visitor,
    }
}

fn not_an_id(id: &str) -> Failure {
    Failure::new(exit::USAGE, format!("{id:?} is no visitor id: it is made of a platform, `_` and a UUID"))
        .advise(
            "Write it like cli_550e8400-e29b-41d4-a716-446655440000, or leave --visitor out:\n\
         on this machine you are always the same visitor.",
        )
}

/// The names of the user and the machine. Only a hash of them leaves the machine.
pub(crate) fn person() -> Option<String> {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| filled(name))?;
    Some(format!("{user}@{}", host().unwrap_or_default()))
}

#[cfg(unix)]
fn host() -> Option<String> {
    nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn host() -> Option<String> {
    filled("COMPUTERNAME")
}

fn filled(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
